/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files of crash worlds: see crash-files.h.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crash-files.h"
#include "crash-world.h"

static char dir[] = "/tmp/baton-crash-XXXXXX";
static struct qemu_look qemu;

void
crash_shell (const char *command)
{
  char line[1024];

  snprintf (line, sizeof line, "cd %s && %s", dir, command);
  if (system (line) != 0)
    fail_msg ("failed: %s", line);
}

struct simdisk *
crash_load (const char *name)
{
  struct error err = ERROR_INIT;
  struct simdisk *d;
  char path[64];

  snprintf (path, sizeof path, "%s/%s", dir, name);
  d = simdisk_load_file (path, SECTOR, &err);
  if (!d)
    fail_msg ("%s: %s", path, err.text);
  return d;
}

struct qemu_look *
crash_qemu (void)
{
  return &qemu;
}

static int
make_base (void)
{
  uint8_t sector[SECTOR];
  char path[64];
  unsigned s;
  int r = 0;
  FILE *fp;

  snprintf (path, sizeof path, "%s/base.raw", dir);
  fp = fopen (path, "w");
  if (!fp)
    return -1;
  for (s = 0; s < DISK_SECTORS; ++s) {
    world_fill_sector (sector, 1, s);
    if (fwrite (sector, SECTOR, 1, fp) != 1)
      r = -1;
  }
  return fclose (fp) == 0 ? r : -1;
}

int
crash_files_make (void)
{
  char line[128];

  if (!mkdtemp (dir) || make_base () == -1)
    return -1;
  qemu_look_init (&qemu, dir);
  snprintf (line, sizeof line,
            "head -c 256k /dev/zero | tr '\\0' '\\335' >%s/stale", dir);
  return system (line) == 0 ? 0 : -1;
}

void
crash_files_remove (void)
{
  char line[64];

  qemu_look_destroy (&qemu);
  snprintf (line, sizeof line, "rm -rf %s", dir);
  if (system (line) != 0)
    fprintf (stderr, "failed: %s\n", line);
}
