/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Error: see error.h.
 *
 * Text is put together in a buffer of its own first, because callers may
 * pass err->text among the arguments.  Text that does not fit is cut.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static int
fill (struct error *err, int errnum, const char *class, const char *text)
{
  /* "never 0 after a failure": a caller that lost its errno still failed. */
  err->errnum = errnum ? errnum : EIO;
  err->class = class;
  strcpy (err->text, text);
  return -1;
}

int
error_set (struct error *err, int errnum, const char *fmt, ...)
{
  char text[sizeof err->text];
  va_list args;

  if (!err)
    return -1;
  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  return fill (err, errnum, NULL, text);
}

int
error_set_class (struct error *err, int errnum, const char *class,
                 const char *fmt, ...)
{
  char text[sizeof err->text];
  va_list args;

  if (!err)
    return -1;
  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  return fill (err, errnum, class, text);
}

int
error_set_errno (struct error *err, int errnum, const char *fmt, ...)
{
  char text[sizeof err->text], reason[128];
  va_list args;

  if (!err)
    return -1;
  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  /* strerror is not thread-safe. */
  return error_set (err, errnum, "%s: %s", text,
                    strerror_r (errnum ? errnum : EIO, reason,
                                sizeof reason));
}

int
error_prefix (struct error *err, const char *fmt, ...)
{
  char prefix[sizeof err->text], text[2 * sizeof err->text + 2];
  va_list args;

  if (!err)
    return -1;
  va_start (args, fmt);
  vsnprintf (prefix, sizeof prefix, fmt, args);
  va_end (args);
  snprintf (text, sizeof text, "%s: %s", prefix, err->text);
  text[sizeof err->text - 1] = '\0';
  return fill (err, err->errnum, err->class, text);
}
