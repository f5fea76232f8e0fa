/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Before a migration: is there a pair for every disk, and no other
 * (migrate-internal.h)?
 *
 * A pair names control sockets, QEMU knows data sockets.  What brings them
 * together, the surest first:
 *
 *   1. the server says that it listens where the disk is from;
 *   2. the export is as large as the server's image.  Not more than likely:
 *      links, tunnels and forwarded ports hide an address, so that another
 *      one proves nothing.
 *
 * Each server has one image, so each is of one disk.  Who has more disks than
 * pairs has left one out; where an address is hidden, a size that is not
 * known may have been given to the wrong one, and an option says so.  Who has
 * more pairs than disks would take an image away from somebody else.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate-internal.h"
#include "vm-disks.h"

#define NAMES_BYTES 360         /* of those that a text names */

struct server {
  json_t *status;               /* NULL: it does not tell */
  uint64_t size_bytes;          /* 0: not known */
  bool taken;
};

struct side {
  struct migrate *m;
  struct vm *vm;
  struct peer *const *peers;
  struct server *servers;       /* m->nr */
  struct vm_disk *disks;
  size_t nr_disks;
  bool known;                   /* the disks are */
  bool *certain, *matched;      /* of each disk */
};

/* -- what there is ------------------------------------------------------------- */

static void
ask_server (void *opaque, size_t i)
{
  struct side *s = opaque;
  struct answer a = { .outcome = OUTCOME_DONE };

  peer_status (s->peers[i], &a);
  if (a.outcome == OUTCOME_DONE) {
    s->servers[i].status = json_incref (a.body);
    field_u64 (a.body, "virtual-size", &s->servers[i].size_bytes);
  }
  answer_clear (&a);
}

static bool
ask_vm (struct side *s)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  int result = 0;

  s->known = vm_do (s->vm, "query-block", NULL, &a);
  if (s->known)
    result = vm_disks_of (a.body, &s->disks, &s->nr_disks);
  else
    migrate_warn (s->m, s->vm->path, "which disks its VM has is not known "
                  "(query-block: %s)", a.text);
  answer_clear (&a);
  return result == 0;
}

/* -- bringing them together ------------------------------------------------------ */

static bool
is_listening (const struct server *server, const struct vm_disk *disk)
{
  const json_t *list = json_object_get (server->status, "listens");
  const char *host = field_string (server->status, "host");
  size_t i;

  for (i = 0; i < json_array_size (list); i++) {
    const char *at = json_string_value (json_array_get (list, i));

    if (at != NULL && vm_disk_is_at (disk, at, host))
      return true;
  }
  return false;
}

/* QEMU counts in sectors. */
static bool
may_be (const struct server *server, const struct vm_disk *disk)
{
  return server->size_bytes == 0 || disk->size_bytes == 0 ||
         (server->size_bytes + 511) / 512 * 512 == disk->size_bytes;
}

static bool
has_size (const struct server *server, const struct vm_disk *disk)
{
  return disk->size_bytes != 0 && server->size_bytes != 0 &&
         may_be (server, disk);
}

typedef bool (*fits_fn) (const struct server *, const struct vm_disk *);

/* The first server that is left and FITS. */
static void
match_disk (struct side *s, size_t i, bool certain, fits_fn fits)
{
  size_t k;

  for (k = 0; k < s->m->nr && !s->matched[i]; k++)
    if (!s->servers[k].taken && fits (&s->servers[k], &s->disks[i])) {
      s->servers[k].taken = s->matched[i] = true;
      s->certain[i] = certain;
    }
}

static void
match (struct side *s, bool may_stay, bool certain, fits_fn fits)
{
  size_t i;

  for (i = 0; i < s->nr_disks; i++)
    if (s->disks[i].may_stay == may_stay)
      match_disk (s, i, certain, fits);
}

/* Those that must have a pair come first, where it is by number and size. */
static void
match_all (struct side *s)
{
  match (s, false, true, is_listening);
  match (s, true, true, is_listening);
  match (s, false, false, has_size);
  match (s, false, false, may_be);
  match (s, true, false, has_size);
  match (s, true, false, may_be);
}

/* -- what is said of it ------------------------------------------------------------ */

/* Those that must have a pair and are not in HAS, as far as there is room. */
static bool
name_disks (const struct side *s, const bool *has, char *ret, size_t size)
{
  size_t i, len = 0;

  ret[0] = '\0';
  for (i = 0; i < s->nr_disks; i++) {
    const struct vm_disk *d = &s->disks[i];

    if (has[i] || d->may_stay || len >= size)
      continue;
    len += (size_t) snprintf (ret + len, size - len, "%s%s (%s%s%s)",
                              len > 0 ? ", " : "", d->name,
                              d->path[0] != '\0' ? d->path : d->host,
                              d->port[0] != '\0' ? ":" : "", d->port);
  }
  return len > 0;
}

static bool
name_servers (const struct side *s, char *ret, size_t size)
{
  size_t k, len = 0;

  ret[0] = '\0';
  for (k = 0; k < s->m->nr; k++)
    if (!s->servers[k].taken && len < size)
      len += (size_t) snprintf (ret + len, size - len, "%s%s",
                                len > 0 ? ", " : "", s->peers[k]->endpoint);
  return len > 0;
}

/* A pair that is mistyped is both: a disk without, and of no disk. */
static const char *
also (const struct side *s)
{
  char names[NAMES_BYTES];

  return name_servers (s, names, sizeof names)
           ? " (and it has none that can be of one of the pairs)" : "";
}

static bool
judge_disks (const struct side *s)
{
  char names[NAMES_BYTES];

  if (!name_disks (s, s->matched, names, sizeof names))
    return true;
  if (!s->m->allow_other_disks)
    return migrate_fail (s->m, s->vm->path, "its VM has a writable NBD disk "
                         "that no pair is of: %s%s; name the two servers of "
                         "each disk, or give --allow-other-disks where it "
                         "may stay where it is", names, also (s));
  migrate_warn (s->m, s->vm->path, "no pair is of: %s", names);
  return true;
}

/* It may be another VM's, which would lose it. */
static bool
judge_servers (const struct side *s)
{
  char names[NAMES_BYTES];

  if (!name_servers (s, names, sizeof names))
    return true;
  if (!s->m->allow_other_images)
    return migrate_fail (s->m, s->vm->path, "its VM has no NBD disk that can "
                         "be of %s, so the image may be another VM's; leave "
                         "that pair out, or give --allow-other-images where "
                         "the VM has it in a way that QEMU does not tell",
                         names);
  migrate_warn (s->m, s->vm->path, "its VM has no NBD disk that can be of %s",
                names);
  return true;
}

static bool
judge (const struct side *s)
{
  char names[NAMES_BYTES];
  size_t i;

  if (!judge_disks (s) || !judge_servers (s))
    return false;
  for (i = 0; i < s->nr_disks; i++)
    s->certain[i] = s->certain[i] || !s->matched[i];
  if (name_disks (s, s->certain, names, sizeof names))
    migrate_warn (s->m, s->vm->path, "no server that is named says that it "
                  "serves %s: it was taken for one of them by number and "
                  "size; see to it that none is left out", names);
  return true;
}

static bool
check (struct side *s)
{
  if (!ask_vm (s))
    return migrate_fail (s->m, NULL, "not enough memory");
  s->certain = calloc (s->nr_disks + 1, sizeof *s->certain);
  s->matched = calloc (s->nr_disks + 1, sizeof *s->matched);
  if (s->certain == NULL || s->matched == NULL)
    return migrate_fail (s->m, NULL, "not enough memory");
  if (!s->known)
    return true;
  s->m->each (s->m->nr, ask_server, s);
  match_all (s);
  return judge (s);
}

static bool
check_side (struct migrate *m, struct vm *v, struct peer *const *peers)
{
  struct side s = { .m = m, .vm = v, .peers = peers };
  bool good;
  size_t i;

  s.servers = calloc (m->nr, sizeof *s.servers);
  if (s.servers == NULL)
    return migrate_fail (m, NULL, "not enough memory");
  good = check (&s);
  for (i = 0; i < m->nr; i++)
    json_decref (s.servers[i].status);
  free (s.servers);
  free (s.disks);
  free (s.certain);
  free (s.matched);
  return good;
}

bool
migrate_check_disks (struct migrate *m)
{
  return check_side (m, &m->src, m->srcs) && check_side (m, &m->dst, m->dsts);
}
