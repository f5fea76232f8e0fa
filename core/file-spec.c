/* SPDX-License-Identifier: BSD-3-Clause
 *
 * File specs: see file-spec.h.  No lock: one owner.
 */

#include <config.h>

#include <stdlib.h>

#include "file-spec.h"

void
file_spec_free (struct file_spec *s)
{
  while (s) {
    struct file_spec *backing = s->backing;

    free (s->path);
    free (s->format);
    free (s);
    s = backing;
  }
}
