/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The external data file of an image: where it is, and whether it may be
 * used.  What goes where in it: image-place.c; when: docs/DURABILITY.md, R10.
 *
 * Its name is inside the image and not to be trusted, and unlike a backing
 * file it is written to.  So options.data_file says what may be opened, only
 * regular files and block devices ever are, and none that the image has
 * another use for.  options.data_file_path overrides the name.
 *
 * Section: "External data file" (incompatible bit 2, autoclear bit 1).
 */

#ifndef BATON_DATA_FILE_H
#define BATON_DATA_FILE_H

#include "error.h"
#include "image-internal.h"

/* Open, and lock where options.lock_backing is set, what the header of IMG
 * needs; nothing where it needs none.  image_close closes it. */
int data_file_open (struct image *img, struct error *err);

/* The first write: a raw data file is as long as the disk. */
int data_file_start_writing (struct image *img, struct error *err);

#endif /* BATON_DATA_FILE_H */
