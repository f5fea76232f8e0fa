/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What went wrong, for the one place that reports it.
 *
 * core/, tls/ and control/ never log.  A function that can fail takes a
 * `struct error *` as its last parameter, returns -1 (or NULL), and has
 * then filled it.  The edge (nbdkit-plugin/, cli/, a test) prints it
 * once.  Text says what was asked, what was found and what to do; it has
 * no trailing full stop or newline.
 *
 * Owned by the caller, usually on its stack.  No locks.  Every function
 * accepts NULL where the caller does not want to know.
 */

#ifndef BATON_ERROR_H
#define BATON_ERROR_H

#include <stdarg.h>
#include <stddef.h>

struct error {
  int errnum;           /* an errno value, never 0 after a failure */
  const char *class;    /* static string: "LockHeld", "StaleView", ..., or
                         * NULL: nothing a program would branch on */
  char text[512];
};

#define ERROR_INIT { 0, NULL, "" }

/* The same at run time, without a write to all of the text: for what every
 * request does. */
static inline void
error_clear (struct error *err)
{
  err->errnum = 0;
  err->class = NULL;
  err->text[0] = '\0';
}

/* Fill ERR.  Always returns -1, so that `return error_set (...)` reads. */
int error_set (struct error *err, int errnum, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

/* The same with a class. */
int error_set_class (struct error *err, int errnum, const char *class,
                     const char *fmt, ...)
  __attribute__ ((format (printf, 4, 5)));

/* Like error_set, appending ": " and strerror (ERRNUM). */
int error_set_errno (struct error *err, int errnum, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

/* Put "PREFIX: " before the text that is there.  Returns -1. */
int error_prefix (struct error *err, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

#endif /* BATON_ERROR_H */
