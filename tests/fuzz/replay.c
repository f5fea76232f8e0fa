/* SPDX-License-Identifier: BSD-3-Clause
 *
 * main of a fuzz target where there is no fuzzer: each file named, and each
 * file in each directory named, is an input.  Prints how many there were.
 */

#include <config.h>

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "fuzz.h"

#define MAX_BYTES (1 << 20)

static void
must (int ok, const char *what)
{
  if (!ok) {
    perror (what);
    exit (EXIT_FAILURE);
  }
}

/* The bytes are in memory that ends where they do: a sanitizer then sees what
 * is read behind them. */
static void
replay_file (const char *path)
{
  FILE *f = fopen (path, "rb");
  static uint8_t buf[MAX_BYTES];
  uint8_t *exact;
  size_t len;

  must (f != NULL, path);
  len = fread (buf, 1, sizeof buf, f);
  must (!ferror (f), path);
  fclose (f);
  exact = malloc (len ? len : 1);
  must (exact != NULL, path);
  memcpy (exact, buf, len);
  LLVMFuzzerTestOneInput (exact, len);
  free (exact);
}

static unsigned
replay (const char *path)
{
  struct stat st;
  char file[PATH_MAX];
  struct dirent *e;
  unsigned nr = 0;
  DIR *dir;

  must (stat (path, &st) == 0, path);
  if (!S_ISDIR (st.st_mode)) {
    replay_file (path);
    return 1;
  }
  dir = opendir (path);
  must (dir != NULL, path);
  while ((e = readdir (dir)))
    if (e->d_name[0] != '.') {
      snprintf (file, sizeof file, "%s/%s", path, e->d_name);
      nr += replay (file);
    }
  closedir (dir);
  return nr;
}

int
main (int argc, char *argv[])
{
  unsigned nr = 0;
  int i;

  for (i = 1; i < argc; ++i)
    nr += replay (argv[i]);
  printf ("%s: %u inputs\n", argv[0], nr);
  return nr > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
