/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking for -r: see command-line.h.  The options are those of nbdkit 1.32
 * (nbdkit(1), and `nbdkit --long-options`).
 */

#include <config.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"

static const char short_with_value[] = "DegipPtuU";

static const struct {
  const char *name;
  bool has_value;
} long_options[] = {
  { "debug", true },
  { "dump-config", false },
  { "dump-plugin", false },
  { "exit-with-parent", false },
  { "export", true },
  { "export-name", true },
  { "exportname", true },
  { "filter", true },
  { "foreground", false },
  { "group", true },
  { "help", false },
  { "ip-addr", true },
  { "ipaddr", true },
  { "ipv4-only", false },
  { "ipv6-only", false },
  { "log", true },
  { "long-options", false },
  { "mask-handshake", true },
  { "new-style", false },
  { "newstyle", false },
  { "no-fork", false },
  { "no-sr", false },
  { "old-style", false },
  { "oldstyle", false },
  { "pid-file", true },
  { "pidfile", true },
  { "port", true },
  { "read-only", false },
  { "readonly", false },
  { "run", true },
  { "selinux-label", true },
  { "short-options", false },
  { "single", false },
  { "stdin", false },
  { "swap", false },
  { "threads", true },
  { "tls", true },
  { "tls-certificates", true },
  { "tls-psk", true },
  { "tls-verify-peer", false },
  { "unix", true },
  { "user", true },
  { "verbose", false },
  { "version", false },
  { "vsock", false },
};

#define NR_LONG (sizeof long_options / sizeof long_options[0])

/* The index of the option that the LEN characters at NAME mean, or NR_LONG:
 * the one so called, else the first that begins so.  nbdkit has refused what
 * is ambiguous. */
static size_t
find_long (const char *name, size_t len)
{
  size_t i, found = NR_LONG;

  for (i = 0; i < NR_LONG; ++i) {
    if (strncmp (long_options[i].name, name, len) != 0)
      continue;
    if (long_options[i].name[len] == '\0')
      return i;
    if (found == NR_LONG)
      found = i;
  }
  return found;
}

static void
next_long (struct command_line *c, const char *name)
{
  const size_t len = strcspn (name, "=");
  const size_t i = find_long (name, len);

  if (i == NR_LONG)
    return;
  if (strcmp (long_options[i].name, "read-only") == 0 ||
      strcmp (long_options[i].name, "readonly") == 0)
    c->read_only = true;
  c->skip_value = long_options[i].has_value && name[len] == '\0';
}

static void
next_short (struct command_line *c, const char *letters)
{
  for (; *letters; ++letters) {
    if (*letters == 'r')
      c->read_only = true;
    if (strchr (short_with_value, *letters)) {
      c->skip_value = letters[1] == '\0';
      return;
    }
  }
}

static void
next_option (struct command_line *c, const char *argument)
{
  if (strcmp (argument, "--") == 0)
    c->ended = true;
  else if (strncmp (argument, "--", 2) == 0)
    next_long (c, argument + 2);
  else
    next_short (c, argument + 1);
}

void
command_line_next (struct command_line *c, const char *argument)
{
  if (!c->seen_program)
    c->seen_program = true;
  else if (c->skip_value)
    c->skip_value = false;
  else if (c->ended)
    return;
  else if (argument[0] == '-' && argument[1] != '\0')
    next_option (c, argument);
  else
    c->ended = c->posix;
}

bool
command_line_is_read_only (void)
{
  struct command_line c = { .posix = getenv ("POSIXLY_CORRECT") != NULL };
  FILE *fp = fopen ("/proc/self/cmdline", "re");
  char *argument = NULL;
  size_t size = 0;

  if (!fp)
    return false;
  while (getdelim (&argument, &size, '\0', fp) != -1)
    command_line_next (&c, argument);
  free (argument);
  fclose (fp);
  return c.read_only;
}
