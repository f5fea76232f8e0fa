/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Block status of a whole disk (nbd-load.h), as nbdcopy and qemu-img ask for
 * it: one request after the other, each for as much as may be asked.
 */

#include <config.h>

#include "nbd-load.h"

#define CONTEXT "base:allocation"
#define MAX_ASKED ((uint64_t) 4 << 30)
#define ALIGN ((uint64_t) 1 << 20)

struct answer {
  uint64_t nr_extents, len_bytes;
};

static int
on_extents (void *opaque, const char *context, uint64_t offset,
            uint32_t *entries, size_t nr, int *error)
{
  struct answer *a = opaque;
  size_t i;

  (void) context; (void) offset; (void) error;
  a->nr_extents += nr / 2;
  for (i = 0; i < nr; i += 2)
    a->len_bytes += entries[i];
  return 0;
}

uint64_t
load_count_extents (const struct load *l)
{
  struct nbd_handle *nbd = nbd_create ();
  uint64_t offset = 0, nr = 0;

  if (!nbd || nbd_add_meta_context (nbd, CONTEXT) == -1 ||
      nbd_connect_unix (nbd, l->socket) == -1 ||
      nbd_can_meta_context (nbd, CONTEXT) != 1)
    load_fail ("block status cannot be asked for: %s", nbd_get_error ());
  while (offset < l->span_bytes) {
    struct answer a = { 0, 0 };
    const nbd_extent_callback fn = { on_extents, &a, NULL };
    const uint64_t left = l->span_bytes - offset;

    if (nbd_block_status (nbd, left < MAX_ASKED ? left : MAX_ASKED - ALIGN,
                          offset, fn, 0) == -1 || a.len_bytes == 0)
      load_fail ("block status at %llu: %s", (unsigned long long) offset,
                 nbd_get_error ());
    offset += a.len_bytes;
    nr += a.nr_extents;
  }
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
  return nr;
}
