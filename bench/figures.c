/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Times, sorted (bench.h).
 */

#include <config.h>

#include <stdlib.h>

#include "bench.h"

void
figures_add (struct figures *f, uint64_t us)
{
  uint64_t *more = realloc (f->us, (f->nr + 1) * sizeof *f->us);

  if (!more)
    bench_fail ("out of memory");
  f->us = more;
  f->us[f->nr++] = us;
}

void
figures_clear (struct figures *f)
{
  free (f->us);
  *f = (struct figures) { NULL, 0 };
}

static int
compare (const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

  return x < y ? -1 : x > y;
}

/* The smallest that is not below PER_MILLE of them. */
static uint64_t
quantile (struct figures *f, size_t per_mille)
{
  const size_t rank = (f->nr * per_mille + 999) / 1000;

  if (f->nr == 0)
    return 0;
  qsort (f->us, f->nr, sizeof *f->us, compare);
  return f->us[rank > 0 ? rank - 1 : 0];
}

uint64_t
figures_median (struct figures *f)
{
  return quantile (f, 500);
}

uint64_t
figures_p99 (struct figures *f)
{
  return quantile (f, 990);
}

uint64_t
figures_max (struct figures *f)
{
  return quantile (f, 1000);
}
