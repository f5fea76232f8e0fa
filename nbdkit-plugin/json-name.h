/* SPDX-License-Identifier: BSD-3-Clause
 *
 * "json:" names, as QEMU and libvirt write them into images:
 *
 *   json:{"driver": "qcow2", "file": {"driver": "file", "filename": "PATH"}}
 *   json:{"driver": "raw", "file.driver": "file", "file.filename": "PATH"}
 *   json:{"driver": "file", "filename": "PATH"}
 *
 * and with "backing": an object of the first kinds, or null.  Options that do
 * not change what is read ("read-only", "cache", ...) are skipped.  All else is
 * refused: other drivers, references to nodes, a part of a file.
 *
 * Pure but for memory; any thread.
 */

#ifndef BATON_JSON_NAME_H
#define BATON_JSON_NAME_H

#include "file-spec.h"

/* A file_spec_parser. */
int json_name_parse (const char *name, struct file_spec **ret,
                     struct error *err);

#endif /* BATON_JSON_NAME_H */
