/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file of shared keys: lines of NAME:HEXKEY, as psktool writes and nbdkit
 * and QEMU read them; empty lines and comments (#) are skipped.
 *
 * Read once, at the start, so that a wrong line is an error there and then.
 * No locks; constant once read.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "tls-internal.h"

/* Take LINE apart.  The key is not shown in any error. */
static int
parse_line (char *line, struct psk_user *ret, struct error *err)
{
  char *colon = strrchr (line, ':');
  struct tls_identity name = { 0 };
  gnutls_datum_t hex;

  if (colon == NULL)
    return error_set (err, EINVAL, "must be NAME:HEXKEY");
  if (!tls_identity_add (&name, line, (size_t) (colon - line)))
    return error_set (err, EINVAL, "the name before the colon must have 1 to "
                      "%d printable characters without spaces",
                      TLS_MAX_NAME_CHARS);
  hex.data = (unsigned char *) colon + 1;
  hex.size = (unsigned) strlen (colon + 1);
  if (gnutls_hex_decode2 (&hex, &ret->key) != 0)
    return error_set (err, EINVAL, "the key after the colon must be in "
                      "hexadecimal");
  strcpy (ret->name, name.names[0]);
  if (ret->key.size < TLS_MIN_PSK_BYTES)
    return error_set (err, EINVAL, "the key of %s has %u bytes, at least %d "
                      "are needed: make one with 'psktool -u %s'", ret->name,
                      ret->key.size, TLS_MIN_PSK_BYTES, ret->name);
  return 0;
}

static int
add_user (struct psk_table *table, char *line, struct error *err)
{
  struct psk_user *users;

  if (table->nr_users == TLS_MAX_PSK_USERS)
    return error_set (err, E2BIG, "more than %d keys", TLS_MAX_PSK_USERS);
  users = realloc (table->users, (table->nr_users + 1) * sizeof *users);
  if (users == NULL)
    return error_set_errno (err, ENOMEM, "reading keys");
  table->users = users;
  memset (&users[table->nr_users], 0, sizeof *users);
  /* Counted first: what was decoded of a wrong line is wiped too. */
  table->nr_users++;
  return parse_line (line, &users[table->nr_users - 1], err);
}

static int
read_lines (FILE *fp, struct psk_table *table, struct error *err)
{
  CLEANUP_FREE char *line = NULL;
  size_t size = 0, nr = 0;
  int r = 0;

  while (r == 0 && getline (&line, &size, fp) != -1) {
    nr++;
    line[strcspn (line, "\r\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#')
      continue;
    r = add_user (table, line, err);
  }
  if (line != NULL)
    gnutls_memset (line, 0, size);
  if (r == -1)
    return error_prefix (err, "line %zu", nr);
  if (ferror (fp))
    return error_set_errno (err, errno, "reading");
  if (table->nr_users == 0)
    return error_set (err, EINVAL, "there is no key in it: make one with "
                      "'psktool -u NAME -p FILE'");
  return 0;
}

int
psk_table_read (const char *path, struct psk_table *ret, struct error *err)
{
  struct psk_table table = { NULL, 0 };
  FILE *fp = fopen (path, "re");
  int r;

  if (fp == NULL)
    return error_set_errno (err, errno, "%s", path);
  r = read_lines (fp, &table, err);
  fclose (fp);
  if (r == -1) {
    psk_table_clear (&table);
    return error_prefix (err, "%s", path);
  }
  *ret = table;
  return 0;
}

const struct psk_user *
psk_table_find (const struct psk_table *table, const char *name)
{
  size_t i;

  for (i = 0; i < table->nr_users; i++)
    if (strcmp (table->users[i].name, name) == 0)
      return &table->users[i];
  return NULL;
}

void
psk_table_clear (struct psk_table *table)
{
  size_t i;

  for (i = 0; i < table->nr_users; i++) {
    gnutls_datum_t *key = &table->users[i].key;

    if (key->data != NULL)
      gnutls_memset (key->data, 0, key->size);
    gnutls_free (key->data);
  }
  free (table->users);
  table->users = NULL;
  table->nr_users = 0;
}
