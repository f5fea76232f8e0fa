/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ticket as JSON: see ticket-json.h.
 *
 * Nothing is optional and nothing unknown is accepted: a part that was not
 * understood must not be taken for one that was verified.  Pure; no lock.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ticket-json.h"

#define FORMAT_VERSION 1

/* -- writing --------------------------------------------------------- */

static json_t *
hex (const uint8_t *data, size_t len)
{
  char text[2 * DIGEST_BYTES + 1];
  size_t i;

  for (i = 0; i < len; i++)
    snprintf (text + 2 * i, 3, "%02x", data[i]);
  return json_string (text);
}

static json_t *
digests_json (const struct ticket *t)
{
  const struct view_digests *d = &t->digests;

  return json_pack ("{s:o, s:o, s:o, s:o}",
                    "header", hex (d->header, DIGEST_BYTES),
                    "l1", hex (d->l1, DIGEST_BYTES),
                    "refcount-table", hex (d->reftable, DIGEST_BYTES),
                    "backing", t->has_backing ? hex (t->backing, DIGEST_BYTES)
                                              : json_null ());
}

json_t *
ticket_json (const struct ticket *t)
{
  return json_pack ("{s:i, s:o, s:I, s:o, s:I, s:I, s:I, s:o}",
                    "baton-ticket", FORMAT_VERSION,
                    "uuid", hex (t->release.uuid, RECORD_ID_BYTES),
                    "epoch", (json_int_t) t->release.epoch,
                    "nonce", hex (t->release.nonce, RECORD_ID_BYTES),
                    "virtual-size", (json_int_t) t->virtual_size,
                    "file-size", (json_int_t) t->file_bytes,
                    "mtime-ns", (json_int_t) t->mtime_ns,
                    "digests", digests_json (t));
}

/* -- parsing --------------------------------------------------------- */

static int
bad (struct error *err, const char *name, const char *what)
{
  return error_set_class (err, EINVAL, "BadTicket",
                          "the ticket is not to be used: \"%.40s\" %s", name,
                          what);
}

/* The value of a hexadecimal digit, or -1. */
static int
digit (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
take_hex (const json_t *json, const char *name, uint8_t *ret, size_t len,
          struct error *err)
{
  const json_t *value = json_object_get (json, name);
  const char *text = json_string_value (value);
  size_t i;

  if (!text || json_string_length (value) != 2 * len)
    return bad (err, name, "is missing or not as long as it should be");
  for (i = 0; i < len; i++) {
    const int high = digit (text[2 * i]), low = digit (text[2 * i + 1]);

    if (high == -1 || low == -1)
      return bad (err, name, "is not hexadecimal");
    ret[i] = (uint8_t) (high << 4 | low);
  }
  return 0;
}

static int
take_number (const json_t *json, const char *name, uint64_t *ret,
             struct error *err)
{
  const json_t *value = json_object_get (json, name);

  if (!json_is_integer (value) || json_integer_value (value) < 0)
    return bad (err, name, "is missing or no number");
  *ret = (uint64_t) json_integer_value (value);
  return 0;
}

static int
take_backing (const json_t *digests, struct ticket *t, struct error *err)
{
  const json_t *value = json_object_get (digests, "backing");

  t->has_backing = !json_is_null (value);
  return t->has_backing
    ? take_hex (digests, "backing", t->backing, DIGEST_BYTES, err) : 0;
}

static int
take_digests (const json_t *json, struct ticket *t, struct error *err)
{
  const json_t *digests = json_object_get (json, "digests");

  if (!json_is_object (digests) || json_object_size (digests) != 4)
    return bad (err, "digests", "is missing, or has other members than four "
                "that are known");
  if (take_hex (digests, "header", t->digests.header, DIGEST_BYTES,
                err) == -1 ||
      take_hex (digests, "l1", t->digests.l1, DIGEST_BYTES, err) == -1 ||
      take_hex (digests, "refcount-table", t->digests.reftable, DIGEST_BYTES,
                err) == -1)
    return -1;
  return take_backing (digests, t, err);
}

static int
take_release (const json_t *json, struct release *r, struct error *err)
{
  if (take_hex (json, "uuid", r->uuid, RECORD_ID_BYTES, err) == -1 ||
      take_number (json, "epoch", &r->epoch, err) == -1 ||
      take_hex (json, "nonce", r->nonce, RECORD_ID_BYTES, err) == -1)
    return -1;
  if (r->epoch == 0 || r->epoch > RECORD_MAX_EPOCH)
    return bad (err, "epoch", "is out of range");
  return 0;
}

/* The version comes first: a newer ticket is to be called newer. */
static int
check_version (const json_t *json, struct error *err)
{
  uint64_t version;

  if (take_number (json, "baton-ticket", &version, err) == -1)
    return -1;
  if (version != FORMAT_VERSION)
    return bad (err, "baton-ticket", "is a version that this server does not "
                "know: use one version of Baton on both hosts");
  if (json_object_size (json) != 8)
    return bad (err, "baton-ticket", "comes with other members than the seven "
                "that are known");
  return 0;
}

int
ticket_parse (const json_t *json, struct ticket *ret, struct error *err)
{
  struct ticket t = { .has_backing = false };

  if (check_version (json, err) == -1 ||
      take_release (json, &t.release, err) == -1 ||
      take_number (json, "virtual-size", &t.virtual_size, err) == -1 ||
      take_number (json, "file-size", &t.file_bytes, err) == -1 ||
      take_number (json, "mtime-ns", &t.mtime_ns, err) == -1 ||
      take_digests (json, &t, err) == -1)
    return -1;
  *ret = t;
  return 0;
}
