/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How far a migration is, on a terminal (migrate-report.h).
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "migrate-report.h"
#include "output.h"

#define LINE_COLUMNS 70

static void
estimate (const struct vm_memory *m, char ret[OUTPUT_NUMBER_BYTES])
{
  if (m->bytes_per_s == 0)
    snprintf (ret, OUTPUT_NUMBER_BYTES, "-");
  else
    snprintf (ret, OUTPUT_NUMBER_BYTES, "%" PRIu64 " s",
              (m->remaining + m->bytes_per_s - 1) / m->bytes_per_s);
}

void
migrate_progress_draw (const struct vm *src)
{
  char moved[OUTPUT_NUMBER_BYTES], left[OUTPUT_NUMBER_BYTES];
  char rate[OUTPUT_NUMBER_BYTES], time[OUTPUT_NUMBER_BYTES];
  char line[256];

  output_size (src->memory.transferred, moved);
  output_size (src->memory.remaining, left);
  output_size (src->memory.bytes_per_s, rate);
  estimate (&src->memory, time);
  snprintf (line, sizeof line, "memory: %s moved, %s left, %s/s, about %s",
            moved, left, rate, time);
  fprintf (stderr, "\r%-*s", LINE_COLUMNS, line);
  fflush (stderr);
}

void
migrate_progress_clear (void)
{
  fprintf (stderr, "\r%*s\r", LINE_COLUMNS, "");
  fflush (stderr);
}
