/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who may do what on the control endpoint: a list of names, each with a
 * role, and the role of a client that has proved who it is.
 *
 * An entry is one of
 *   NAME            a TLS client of that name (tls.h); letter case is ignored
 *   *               every TLS client whose certificate or key is good
 *   user:NAME|UID   a process of that user on the Unix socket
 *   group:NAME|GID  a process in that group on the Unix socket
 *
 * Made before the threads start, and constant then.  No locks.
 */

#ifndef BATON_ACCESS_H
#define BATON_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"
#include "tls.h"

enum access_role {
  ROLE_NONE,
  ROLE_STATUS,                  /* may look */
  ROLE_CONTROL,                 /* may look, and command */
};

struct access_entry;

struct access_list {
  struct access_entry *entries;
  size_t nr_entries;
};

#define ACCESS_LIST_INIT { NULL, 0 }
#define ACCESS_MAX_ENTRIES 1024

/* Give ROLE to all in NAMES, which are separated by commas.  Users and
 * groups are looked up now.  EINVAL: ERR names the entry. */
int access_list_add (struct access_list *list, const char *names,
                     enum access_role role, struct error *err);
void access_list_clear (struct access_list *list);

bool access_list_has_tls (const struct access_list *list);
bool access_list_has_unix (const struct access_list *list);

/* The best role that any entry gives, or ROLE_NONE. */
enum access_role access_tls_role (const struct access_list *list,
                                  const struct tls_identity *who);

/* The process at the other end of a Unix socket, at its connect. */
struct access_process {
  pid_t pid;
  uid_t uid;
  gid_t gid;
  size_t nr_groups;
  gid_t groups[64];             /* the first of them */
};

/* Root and our own user, and where the list names no user and no group
 * everybody (the socket's mode has let them in), have ROLE_CONTROL. */
enum access_role access_unix_role (const struct access_list *list,
                                   const struct access_process *process);

#endif /* BATON_ACCESS_H */
