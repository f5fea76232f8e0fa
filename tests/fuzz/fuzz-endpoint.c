/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control endpoint to be fuzzed: see fuzz-endpoint.h.
 */

#include <config.h>

#include <errno.h>

#include "cursor.h"
#include "fuzz-endpoint.h"
#include "nbd-protocol.h"

/* -- commands ------------------------------------------------------------- */

static json_t *
fake_status (void *opaque)
{
  (void) opaque;
  return json_pack ("{s:s}", "state", "active");
}

static uint32_t
fake_flags (void *opaque)
{
  (void) opaque;
  return CONTROL_STATE_ACTIVE;
}

static int
count_command (void *opaque)
{
  struct endpoint *e = opaque;

  ++e->nr_commands;
  return 0;
}

static int
fake_flush (void *opaque, json_t **ret_reply, struct error *err)
{
  (void) ret_reply;
  (void) err;
  return count_command (opaque);
}

static int
fake_inactivate (void *opaque, uint32_t drain_timeout_ms, bool for_good,
                 json_t **ret_reply, struct error *err)
{
  (void) for_good;
  (void) err;
  *ret_reply = json_pack ("{s:I}", "waited", (json_int_t) drain_timeout_ms);
  return count_command (opaque);
}

static int
fake_activate (void *opaque, const json_t *ticket, bool force,
               json_t **ret_reply, struct error *err)
{
  count_command (opaque);
  if (force)
    return error_set_class (err, EBUSY, "Planned", "\xff not \1 utf-8");
  *ret_reply = json_pack ("{s:O?}", "ticket", (json_t *) ticket);
  return 0;
}

const struct control_callbacks endpoint_callbacks = {
  .status = fake_status, .state_flags = fake_flags, .flush = fake_flush,
  .inactivate = fake_inactivate, .invalidate = fake_flush,
  .activate = fake_activate,
};

/* -- words ---------------------------------------------------------------- */

static size_t
put_option (uint8_t *out, uint32_t option, uint32_t len)
{
  store_be64 (out, NBD_OPTION_MAGIC);
  store_be32 (out + 8, option);
  store_be32 (out + 12, len);
  return 16;
}

static size_t
put_context (uint8_t *out, uint32_t option)
{
  static const char context[] = CONTROL_CONTEXT;
  const uint32_t len = sizeof context - 1;

  put_option (out, option, 12 + len);
  store_be32 (out + 16, 0);
  store_be32 (out + 20, 1);
  store_be32 (out + 24, len);
  memcpy (out + 28, context, len);
  return 28 + len;
}

static size_t
put_export (uint8_t *out, uint32_t option)
{
  put_option (out, option, 6);
  memset (out + 16, 0, 6);
  return 22;
}

static size_t
put_request (uint8_t *out, uint16_t type, uint16_t flags, uint64_t offset,
             uint32_t len)
{
  store_be32 (out, NBD_REQUEST_MAGIC);
  store_be16 (out + 4, flags);
  store_be16 (out + 6, type);
  store_be64 (out + 8, 0x1234);
  store_be64 (out + 16, offset);
  store_be32 (out + 24, len);
  return 28;
}

static size_t
put_command (uint8_t *out, uint8_t which)
{
  static const char *const commands[] = {
    "{\"execute\":\"flush\"}",
    "{\"execute\":\"status\",\"id\":[1]}",
    "{\"execute\":\"inactivate\",\"arguments\":{\"drain-timeout\":1}}",
    "{\"execute\":\"invalidate\"}",
    "{\"execute\":\"activate\"}",
    "{\"execute\":\"activate\",\"arguments\":{\"force\":true}}",
    "{\"execute\":\"activate\",\"arguments\":{\"ticket\":{}},\"id\":\"x\"}",
    "{\"execute\":\"nothing\"}",
  };
  const char *text = commands[which % 8];
  const size_t len = strlen (text);

  put_request (out, NBD_CMD_WRITE, 0, 0, (uint32_t) len);
  memcpy (out + 28, text, len);
  return 28 + len;
}

static size_t
put_bytes (struct input *in, uint8_t *out)
{
  const size_t n = input_byte (in) % (in->len + 1);

  memcpy (out, in->data, n);
  in->data += n;
  in->len -= n;
  return n;
}

static size_t
put_any_request (struct input *in, uint8_t *out)
{
  const uint8_t type = input_byte (in), flags = input_byte (in);
  const uint64_t offset = input_byte (in) * UINT64_C (4096);

  return put_request (out, type, flags, offset, input_byte (in) * 4096u);
}

static size_t
put_flags (struct input *in, uint8_t *out)
{
  store_be32 (out, input_byte (in));
  return 4;
}

size_t
word_expand (struct input *in, uint8_t *out, unsigned *ret_commands)
{
  uint8_t kind, option;

  *ret_commands = 0;
  if (in->len == 0)
    return 0;
  kind = input_byte (in) % 8;
  if (kind == 0)
    return put_bytes (in, out);
  if (kind == 5)
    return put_any_request (in, out);
  if (kind == 7)
    return put_flags (in, out);
  option = input_byte (in);
  switch (kind) {
  case 1: return put_option (out, option, input_byte (in));
  case 2: return put_option (out, option, 0);
  case 3: return put_context (out, option);
  case 4: return put_export (out, option);
  }
  *ret_commands = 1;
  return put_command (out, option);
}
