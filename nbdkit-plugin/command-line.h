/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether nbdkit was started with -r.
 *
 * nbdkit tells a plugin only when the first client comes.  That is too late:
 * an image is opened, locked and activated before, and "read-only" should
 * mean that the file is not even opened for writing, nor locked against other
 * readers.  So its command line is read the way that getopt_long reads it.
 *
 * Where that fails (no /proc, an option that a later nbdkit has) the answer
 * is "no", and the image is opened for writing; nbdkit still refuses writes.
 */

#ifndef BATON_COMMAND_LINE_H
#define BATON_COMMAND_LINE_H

#include <stdbool.h>

struct command_line {
  bool posix;           /* as POSIXLY_CORRECT: options end at an operand */
  bool seen_program;
  bool skip_value;      /* the next argument belongs to the last option */
  bool ended;
  bool read_only;       /* the answer, after the last argument */
};

/* The next argument of the line, the program's name first. */
void command_line_next (struct command_line *c, const char *argument);

/* Of this process. */
bool command_line_is_read_only (void);

#endif /* BATON_COMMAND_LINE_H */
