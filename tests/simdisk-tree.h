/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sectors by number, as a tree whose copies share what is equal: a copy
 * costs nothing, a change copies one path.
 *
 * Sectors and nodes are counted and, once shared, never changed.  The counts
 * are atomic, so trees that share may be used by different threads; one tree
 * may not.
 */

#ifndef BATON_TESTS_SIMDISK_TREE_H
#define BATON_TESTS_SIMDISK_TREE_H

#include <stdatomic.h>
#include <stdint.h>

struct sector {
  atomic_uint nr_refs;
  uint32_t bytes;
  uint64_t sum;                 /* of the data, once it is in a tree */
  uint8_t data[];
};

/* Not filled; one reference, the caller's.  Aborts out of memory. */
struct sector *sector_new (uint32_t sector_bytes);
/* NULL (never written) is accepted by both. */
struct sector *sector_ref (struct sector *s);
void sector_unref (struct sector *s);

struct tree_node;

struct tree {
  struct tree_node *root;       /* NULL: empty */
  unsigned height;              /* levels */
  uint64_t sum;                 /* of what is in it: equal trees, equal sums */
};

/* The sector's contents, borrowed; NULL: none. */
struct sector *tree_get (const struct tree *t, uint64_t number);
/* Takes over the reference to S, which may be NULL. */
void tree_set (struct tree *t, uint64_t number, struct sector *s);
struct tree tree_share (const struct tree *t);
void tree_free (struct tree *t);

/* Call FN for each sector there is, in order, of FIRST to LAST. */
typedef void tree_visit (void *opaque, uint64_t number, struct sector *s);
void tree_each (const struct tree *t, uint64_t first, uint64_t last,
                tree_visit *fn, void *opaque);

#endif /* BATON_TESTS_SIMDISK_TREE_H */
