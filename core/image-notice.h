/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the user must be told about an image though nothing failed: for
 * instance that something in it is no longer valid.  core/ never prints;
 * whoever activated the image does, once.
 *
 * Plain memory: filled while the image is opened or started, by one thread;
 * read-only afterwards.
 */

#ifndef BATON_IMAGE_NOTICE_H
#define BATON_IMAGE_NOTICE_H

#include <stdarg.h>
#include <stdio.h>

#define IMAGE_NOTICE_BYTES 256
#define IMAGE_MAX_NOTICES 4u

struct image_notices {
  unsigned nr;
  char text[IMAGE_MAX_NOTICES][IMAGE_NOTICE_BYTES];
};

/* Add one; when there are too many, the last ones are not told. */
static inline void __attribute__ ((format (printf, 2, 3)))
image_notices_add (struct image_notices *n, const char *fmt, ...)
{
  va_list args;

  if (n->nr == IMAGE_MAX_NOTICES)
    return;
  va_start (args, fmt);
  vsnprintf (n->text[n->nr++], IMAGE_NOTICE_BYTES, fmt, args);
  va_end (args);
}

#endif /* BATON_IMAGE_NOTICE_H */
