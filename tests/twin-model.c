/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The expected disk of a twin run (twin-model.h): one sparse private mapping
 * as long as the disk, and a list of what was done to it.  Single-threaded.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

#include "twin-model.h"

#define EXPLAIN_BYTES 32
#define EXPLAIN_OPS 6

int
model_init (struct model *m, uint64_t size)
{
  memset (m, 0, sizeof *m);
  m->size = size;
  m->bytes = mmap (NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (m->bytes == MAP_FAILED) {
    m->bytes = NULL;
    return -1;
  }
  return 0;
}

void
model_destroy (struct model *m)
{
  if (m->bytes)
    munmap (m->bytes, m->size);
  free (m->history);
  memset (m, 0, sizeof *m);
}

void
model_payload (const struct op *op, uint8_t *ret_buf)
{
  const uint32_t mark = (uint32_t) op->index + 1;
  uint64_t i;

  if (op->blank) {
    memset (ret_buf, 0, op->len);
    return;
  }
  for (i = 0; i < op->len; i++) {
    const uint64_t at = op->offset + i;
    const uint64_t word = ((uint64_t) mark << 32) | (uint32_t) (at >> 3);

    ret_buf[i] = (uint8_t) (word >> (8 * (7 - (at & 7))));
  }
}

static bool
all_zero (const uint8_t *buf, uint64_t len)
{
  return len == 0 || (buf[0] == 0 && memcmp (buf, buf + 1, len - 1) == 0);
}

/* Pages that hold zeros already are not touched: the mapping stays sparse. */
void
model_load (struct model *m, const uint8_t *buf, uint64_t offset, size_t len)
{
  const size_t page = 4096;
  size_t at;

  for (at = 0; at < len; at += page) {
    const size_t n = len - at < page ? len - at : page;

    if (!all_zero (buf + at, n))
      memcpy (m->bytes + offset + at, buf + at, n);
  }
}

static int
remember (struct model *m, const struct op *op)
{
  if (m->nr_history == m->capacity) {
    const size_t capacity = m->capacity ? 2 * m->capacity : 1024;
    struct op *p = realloc (m->history, capacity * sizeof *p);

    if (!p)
      return -1;
    m->history = p;
    m->capacity = capacity;
  }
  m->history[m->nr_history++] = *op;
  return 0;
}

int
model_apply (struct model *m, const struct op *op)
{
  switch (op->kind) {
  case OP_WRITE:
    model_payload (op, m->bytes + op->offset);
    break;
  case OP_ZERO:
  case OP_TRIM:
    memset (m->bytes + op->offset, 0, op->len);
    break;
  default:
    return 0;
  }
  return remember (m, op);
}

bool
model_is_zero (const struct model *m, uint64_t offset, uint64_t len)
{
  return all_zero (m->bytes + offset, len);
}

bool
model_equal (const struct model *m, const uint8_t *buf, uint64_t offset,
             size_t len, uint64_t *ret_at)
{
  size_t i = 0;

  if (memcmp (m->bytes + offset, buf, len) == 0)
    return true;
  while (m->bytes[offset + i] == buf[i])
    i++;
  *ret_at = offset + i;
  return false;
}

void
op_print (FILE *fp, const struct op *op)
{
  fprintf (fp, "op %" PRIu64 " %s offset %" PRIu64 " len %" PRIu64
           "%s%s%s%s%s",
           op->index, op_kind_name (op->kind), op->offset, op->len,
           op->fua ? " fua" : "",
           op->kind == OP_ZERO && op->no_hole ? " no-hole" : "",
           op->kind == OP_ZERO && op->fast ? " fast" : "",
           op->kind == OP_WRITE && op->blank ? " zeros" : "",
           op->kind == OP_STATUS && op->req_one ? " req-one" : "");
}

static void
print_bytes (FILE *fp, const char *label, const uint8_t *buf, uint64_t len)
{
  uint64_t i;

  fprintf (fp, "  %s", label);
  for (i = 0; i < len && i < EXPLAIN_BYTES; i++)
    fprintf (fp, "%s%02x", i % 8 == 0 ? " " : "", buf[i]);
  fprintf (fp, "\n");
}

void
model_explain (const struct model *m, FILE *fp, uint64_t at,
               const uint8_t *buf, uint64_t offset, size_t len)
{
  const uint64_t rest = offset + len - at;
  size_t i, nr = 0;

  print_bytes (fp, "expected", m->bytes + at, rest);
  print_bytes (fp, "found   ", buf + (at - offset), rest);
  fprintf (fp, "  last operations on offset %" PRIu64 ", newest first:\n", at);
  for (i = m->nr_history; i > 0 && nr < EXPLAIN_OPS; i--) {
    const struct op *op = &m->history[i - 1];

    if (at < op->offset || at - op->offset >= op->len)
      continue;
    fprintf (fp, "    ");
    op_print (fp, op);
    fprintf (fp, "\n");
    nr++;
  }
  if (nr == 0)
    fprintf (fp, "    none: it was so before the run\n");
}
