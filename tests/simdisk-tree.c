/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See simdisk-tree.h.  A node with more than one reference is shared, and
 * copied before it is changed; so is, by being reached through it, all that
 * is below.
 */

#include <config.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "simdisk-tree.h"

#define BITS 6
#define FANOUT (1u << BITS)

union slot {
  struct tree_node *node;
  struct sector *sector;        /* in the lowest level */
};

struct tree_node {
  atomic_uint nr_refs;
  union slot slots[FANOUT];
};

/* Not malloc: a test may make that fail for the engine (unit/failing-calls.h). */
static void *
allocate (size_t bytes)
{
  void *p = reallocarray (NULL, 1, bytes);

  if (!p)
    abort ();
  return p;
}

struct sector *
sector_new (uint32_t sector_bytes)
{
  struct sector *s = allocate (sizeof *s + sector_bytes);

  atomic_init (&s->nr_refs, 1);
  s->bytes = sector_bytes;
  s->sum = 0;
  return s;
}

/* The last step of SplitMix64. */
static uint64_t
mix (uint64_t z)
{
  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* What S, or nothing, at NUMBER adds to a tree's sum. */
static uint64_t
share_of (struct sector *s, uint64_t number)
{
  uint64_t word, sum = 1;
  uint32_t i;

  if (!s)
    return 0;
  if (s->sum == 0) {
    for (i = 0; i < s->bytes; i += sizeof word) {
      memcpy (&word, s->data + i, sizeof word);
      sum = (sum ^ word) * UINT64_C (0x9e3779b97f4a7c15);
      sum ^= sum >> 29;
    }
    s->sum = sum | 1;
  }
  return mix (s->sum + mix (number + 1));
}

struct sector *
sector_ref (struct sector *s)
{
  if (s)
    atomic_fetch_add (&s->nr_refs, 1);
  return s;
}

void
sector_unref (struct sector *s)
{
  if (s && atomic_fetch_sub (&s->nr_refs, 1) == 1)
    free (s);
}

static struct tree_node *
node_new (void)
{
  struct tree_node *n = allocate (sizeof *n);

  memset (n, 0, sizeof *n);
  atomic_init (&n->nr_refs, 1);
  return n;
}

/* LEVEL 1 is the lowest. */
static void
node_unref (struct tree_node *n, unsigned level)
{
  unsigned i;

  if (!n || atomic_fetch_sub (&n->nr_refs, 1) != 1)
    return;
  for (i = 0; i < FANOUT; ++i)
    if (level == 1)
      sector_unref (n->slots[i].sector);
    else
      node_unref (n->slots[i].node, level - 1);
  free (n);
}

/* N, if nobody else has it, or a copy that nobody else has. */
static struct tree_node *
node_own (struct tree_node *n, unsigned level)
{
  struct tree_node *copy;
  unsigned i;

  if (!n)
    return node_new ();
  if (atomic_load (&n->nr_refs) == 1)
    return n;
  copy = node_new ();
  for (i = 0; i < FANOUT; ++i) {
    copy->slots[i] = n->slots[i];
    if (level == 1)
      sector_ref (n->slots[i].sector);
    else if (n->slots[i].node)
      atomic_fetch_add (&n->slots[i].node->nr_refs, 1);
  }
  node_unref (n, level);
  return copy;
}

static bool
fits (const struct tree *t, uint64_t number)
{
  return t->height * BITS >= 64 || number >> (t->height * BITS) == 0;
}

static unsigned
slot_of (uint64_t number, unsigned level)
{
  return number >> ((level - 1) * BITS) & (FANOUT - 1);
}

struct sector *
tree_get (const struct tree *t, uint64_t number)
{
  const struct tree_node *n = t->root;
  unsigned level;

  if (!fits (t, number))
    return NULL;
  for (level = t->height; n && level > 1; --level)
    n = n->slots[slot_of (number, level)].node;
  return n ? n->slots[slot_of (number, 1)].sector : NULL;
}

static void
grow (struct tree *t)
{
  struct tree_node *n;

  if (t->root) {
    n = node_new ();
    n->slots[0].node = t->root;
    t->root = n;
  }
  t->height++;
}

void
tree_set (struct tree *t, uint64_t number, struct sector *s)
{
  struct tree_node **p = &t->root;
  struct sector **slot;
  unsigned level;

  if (!s && !tree_get (t, number))
    return;
  while (t->height == 0 || !fits (t, number))
    grow (t);
  for (level = t->height; level > 1; --level) {
    *p = node_own (*p, level);
    p = &(*p)->slots[slot_of (number, level)].node;
  }
  *p = node_own (*p, 1);
  slot = &(*p)->slots[slot_of (number, 1)].sector;
  t->sum ^= share_of (*slot, number) ^ share_of (s, number);
  sector_unref (*slot);
  *slot = s;
}

struct tree
tree_share (const struct tree *t)
{
  if (t->root)
    atomic_fetch_add (&t->root->nr_refs, 1);
  return *t;
}

void
tree_free (struct tree *t)
{
  node_unref (t->root, t->height);
  *t = (struct tree) { NULL, 0, 0 };
}

struct visit {
  uint64_t first, last;
  tree_visit *fn;
  void *opaque;
};

/* N covers the numbers from BASE on. */
static void
each (const struct tree_node *n, unsigned level, uint64_t base,
      const struct visit *v)
{
  const unsigned shift = (level - 1) * BITS;
  unsigned i;

  for (i = 0; i < FANOUT; ++i) {
    const uint64_t lo = base + ((uint64_t) i << shift);
    const uint64_t hi = lo + ((UINT64_C (1) << shift) - 1);

    if (hi < v->first || lo > v->last)
      continue;
    if (level > 1 && n->slots[i].node)
      each (n->slots[i].node, level - 1, lo, v);
    else if (level == 1 && n->slots[i].sector)
      v->fn (v->opaque, lo, n->slots[i].sector);
  }
}

void
tree_each (const struct tree *t, uint64_t first, uint64_t last,
           tree_visit *fn, void *opaque)
{
  const struct visit v = { first, last, fn, opaque };

  if (t->root)
    each (t->root, t->height, 0, &v);
}
