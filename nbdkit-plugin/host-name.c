/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The name of this host: see host-name.h.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host-name.h"

#define NR_DIGITS 12

static char *
from_machine_id (void)
{
  char id[NR_DIGITS + 1] = "";
  FILE *fp = fopen ("/etc/machine-id", "re");
  size_t len;

  if (!fp)
    return NULL;
  len = fread (id, 1, NR_DIGITS, fp);
  fclose (fp);
  /* "uninitialized" is what a first boot may find there. */
  if (len != NR_DIGITS || strspn (id, "0123456789abcdef") != NR_DIGITS)
    return NULL;
  return strdup (id);
}

char *
host_name (void)
{
  char *name = from_machine_id ();
  char buf[65] = "";

  if (name)
    return name;
  if (gethostname (buf, sizeof buf - 1) == -1 || !buf[0])
    return strdup ("unknown");
  return strdup (buf);
}
