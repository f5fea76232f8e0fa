/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operands that are pairs (operands.h).
 */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client.h"
#include "operands.h"

bool
operands_same_path (const char *a, const char *b)
{
  struct stat x, y;

  if (strcmp (a, b) == 0)
    return true;
  return stat (a, &x) == 0 && stat (b, &y) == 0 && x.st_dev == y.st_dev &&
         x.st_ino == y.st_ino;
}

static bool
check_different (size_t nr, char *const *endpoints)
{
  size_t i, j;

  for (i = 0; i < nr; i++)
    for (j = i + 1; j < nr; j++) {
      if (!operands_same_path (endpoints[i], endpoints[j]))
        continue;
      if (i % 2 == 0 && j == i + 1)
        fprintf (stderr, "baton: %s: source and destination are the same; "
                 "nothing was changed\n", endpoints[j]);
      else
        fprintf (stderr, "baton: %s: named twice: each server has one image, "
                 "and is in one pair; nothing was changed\n", endpoints[j]);
      return false;
    }
  return true;
}

bool
operands_check_pairs (const char *subcommand, size_t nr,
                      char *const *endpoints)
{
  if (nr % 2 == 0)
    return check_different (nr, endpoints);
  fprintf (stderr, "baton: %s: it takes pairs of SRC and DST, and %s has no "
           "DST; nothing was changed\n", subcommand, endpoints[nr - 1]);
  return false;
}

int
operands_connect (const struct options *options, size_t nr,
                  char *const *endpoints, struct peer **srcs,
                  struct peer **dsts)
{
  struct error err = ERROR_INIT;
  size_t i;

  for (i = 0; i < nr; i++) {
    struct peer **place = i % 2 == 0 ? &srcs[i / 2] : &dsts[i / 2];

    if (client_new (endpoints[i], &options->deadlines, &options->tls, place,
                    &err) == -1) {
      fprintf (stderr, "baton: %s\n", err.text);
      return -1;
    }
  }
  return 0;
}

void
operands_disconnect (size_t nr_pairs, struct peer **srcs, struct peer **dsts)
{
  size_t i;

  for (i = 0; i < nr_pairs; i++) {
    peer_free (srcs[i]);
    peer_free (dsts[i]);
  }
}
