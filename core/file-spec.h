/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a "json:" name inside an image says.
 *
 * QEMU and libvirt name files by JSON objects as well as by paths.  core/
 * knows no JSON: image_options.parse_json, from above, makes one of these of
 * it and refuses what is more than a file.  Whether the file may be opened is
 * core's business, as with any other name.
 */

#ifndef BATON_FILE_SPEC_H
#define BATON_FILE_SPEC_H

#include <stdbool.h>

#include "error.h"

struct file_spec {
  char *path;                   /* owned, never NULL */
  char *format;                 /* owned; "raw", "qcow2"; NULL: not said */
  bool has_backing;             /* says what the file's backing file is, */
  struct file_spec *backing;    /* whatever that names itself: this one,
                                 * owned, or none */
};

/* Parse NAME, "json:" and an object, to *RET, for file_spec_free.  EINVAL
 * where it is malformed, ENOTSUP where it means something else than a file. */
typedef int (*file_spec_parser) (const char *name, struct file_spec **ret,
                                 struct error *err);

/* NULL is accepted. */
void file_spec_free (struct file_spec *s);

#endif /* BATON_FILE_SPEC_H */
