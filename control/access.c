/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names and roles (access.h).  Pure but for the lookup of users and groups.
 * No locks.
 */

#include <config.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "cleanup.h"

#define LOOKUP_BYTES 16384

enum kind { KIND_TLS, KIND_ANY_TLS, KIND_USER, KIND_GROUP };

struct access_entry {
  enum access_role role;
  enum kind kind;
  unsigned id;                  /* uid or gid */
  char name[TLS_MAX_NAME_CHARS + 1];
};

/* -- making ------------------------------------------------------------ */

static bool
parse_number (const char *text, unsigned *ret)
{
  char *end;
  unsigned long n;

  if (text[0] < '0' || text[0] > '9')
    return false;
  errno = 0;
  n = strtoul (text, &end, 10);
  if (errno != 0 || *end != '\0' || n >= UINT32_MAX)
    return false;
  *ret = (unsigned) n;
  return true;
}

static int
find_user (const char *text, unsigned *ret, struct error *err)
{
  CLEANUP_FREE char *buf = malloc (LOOKUP_BYTES);
  struct passwd pwd, *found = NULL;

  if (parse_number (text, ret))
    return 0;
  if (buf == NULL)
    return error_set_errno (err, ENOMEM, "user:%s", text);
  getpwnam_r (text, &pwd, buf, LOOKUP_BYTES, &found);
  if (found == NULL)
    return error_set (err, EINVAL, "user:%s: there is no such user", text);
  *ret = found->pw_uid;
  return 0;
}

static int
find_group (const char *text, unsigned *ret, struct error *err)
{
  CLEANUP_FREE char *buf = malloc (LOOKUP_BYTES);
  struct group grp, *found = NULL;

  if (parse_number (text, ret))
    return 0;
  if (buf == NULL)
    return error_set_errno (err, ENOMEM, "group:%s", text);
  getgrnam_r (text, &grp, buf, LOOKUP_BYTES, &found);
  if (found == NULL)
    return error_set (err, EINVAL, "group:%s: there is no such group", text);
  *ret = found->gr_gid;
  return 0;
}

static int
parse_name (const char *text, struct access_entry *ret, struct error *err)
{
  size_t i;

  ret->kind = strcmp (text, "*") == 0 ? KIND_ANY_TLS : KIND_TLS;
  for (i = 0; text[i] != '\0'; i++)
    if (text[i] <= ' ' || text[i] > '~')
      break;
  if (i == 0 || text[i] != '\0' || i > TLS_MAX_NAME_CHARS)
    return error_set (err, EINVAL, "\"%.40s\": a name has 1 to %d printable "
                      "characters without spaces; names are separated by "
                      "commas", text, TLS_MAX_NAME_CHARS);
  if (ret->kind == KIND_TLS && strpbrk (text, "*?") != NULL)
    return error_set (err, EINVAL, "%s: patterns are not supported: give the "
                      "whole name, or * alone", text);
  strcpy (ret->name, text);
  return 0;
}

static int
parse_entry (const char *text, struct access_entry *ret, struct error *err)
{
  if (strncmp (text, "user:", 5) == 0) {
    ret->kind = KIND_USER;
    return find_user (text + 5, &ret->id, err);
  }
  if (strncmp (text, "group:", 6) == 0) {
    ret->kind = KIND_GROUP;
    return find_group (text + 6, &ret->id, err);
  }
  return parse_name (text, ret, err);
}

static int
add_one (struct access_list *list, const char *text, enum access_role role,
         struct error *err)
{
  struct access_entry entry = { .role = role }, *entries;

  if (list->nr_entries == ACCESS_MAX_ENTRIES)
    return error_set (err, E2BIG, "more than %d names", ACCESS_MAX_ENTRIES);
  if (parse_entry (text, &entry, err) == -1)
    return -1;
  entries = realloc (list->entries,
                     (list->nr_entries + 1) * sizeof *entries);
  if (entries == NULL)
    return error_set_errno (err, ENOMEM, "list of names");
  entries[list->nr_entries++] = entry;
  list->entries = entries;
  return 0;
}

int
access_list_add (struct access_list *list, const char *names,
                 enum access_role role, struct error *err)
{
  CLEANUP_FREE char *copy = strdup (names);
  char *rest = copy, *name;

  if (copy == NULL)
    return error_set_errno (err, ENOMEM, "list of names");
  while ((name = strsep (&rest, ",")) != NULL)
    if (add_one (list, name, role, err) == -1)
      return -1;
  return 0;
}

void
access_list_clear (struct access_list *list)
{
  free (list->entries);
  list->entries = NULL;
  list->nr_entries = 0;
}

/* -- asking ------------------------------------------------------------ */

static bool
is_unix (const struct access_entry *e)
{
  return e->kind == KIND_USER || e->kind == KIND_GROUP;
}

bool
access_list_has_unix (const struct access_list *list)
{
  size_t i;

  for (i = 0; i < list->nr_entries; i++)
    if (is_unix (&list->entries[i]))
      return true;
  return false;
}

bool
access_list_has_tls (const struct access_list *list)
{
  size_t i;

  for (i = 0; i < list->nr_entries; i++)
    if (!is_unix (&list->entries[i]))
      return true;
  return false;
}

enum access_role
access_tls_role (const struct access_list *list,
                 const struct tls_identity *who)
{
  enum access_role best = ROLE_NONE;
  size_t i;

  for (i = 0; i < list->nr_entries; i++) {
    const struct access_entry *e = &list->entries[i];

    if (e->role > best &&
        (e->kind == KIND_ANY_TLS ||
         (e->kind == KIND_TLS && tls_identity_has (who, e->name))))
      best = e->role;
  }
  return best;
}

static bool
is_in_group (const struct access_process *p, gid_t gid)
{
  size_t i;

  for (i = 0; i < p->nr_groups; i++)
    if (p->groups[i] == gid)
      return true;
  return p->gid == gid;
}

enum access_role
access_unix_role (const struct access_list *list,
                  const struct access_process *process)
{
  enum access_role best = ROLE_NONE;
  size_t i;

  if (!access_list_has_unix (list) || process->uid == 0 ||
      process->uid == geteuid ())
    return ROLE_CONTROL;
  for (i = 0; i < list->nr_entries; i++) {
    const struct access_entry *e = &list->entries[i];

    if (e->role > best &&
        ((e->kind == KIND_USER && e->id == process->uid) ||
         (e->kind == KIND_GROUP && is_in_group (process, e->id))))
      best = e->role;
  }
  return best;
}
