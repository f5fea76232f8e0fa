/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files of crash worlds: see crash-files.h.
 */

#include <config.h>

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crash-files.h"
#include "crash-world.h"

static char dir[] = "/tmp/baton-crash-XXXXXX";

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

/* Not through a shell: that takes half as long again.  From that directory:
 * QEMU does not look for a data file beside the image. */
int
crash_qemu_check (struct simdisk *disk)
{
  char *const argv[] = { (char *) "qemu-img", (char *) "check", (char *) "-q",
                         (char *) "-f", (char *) "qcow2",
                         (char *) "t.qcow2", NULL };
  posix_spawn_file_actions_t actions;
  struct error err = ERROR_INIT;
  char path[64];
  pid_t pid;
  int status;

  snprintf (path, sizeof path, "%s/t.qcow2", dir);
  if (simdisk_save_file (disk, path, &err) == -1)
    fail_msg ("%s", err.text);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addchdir_np (&actions, dir);
  posix_spawn_file_actions_addopen (&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, 1, 2);
  assert_int_equal (posix_spawnp (&pid, argv[0], &actions, NULL, argv,
                                  environ), 0);
  posix_spawn_file_actions_destroy (&actions);
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
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
  snprintf (line, sizeof line,
            "head -c 256k /dev/zero | tr '\\0' '\\335' >%s/stale", dir);
  return system (line) == 0 ? 0 : -1;
}

void
crash_files_remove (void)
{
  char line[64];

  snprintf (line, sizeof line, "rm -rf %s", dir);
  if (system (line) != 0)
    fprintf (stderr, "failed: %s\n", line);
}
