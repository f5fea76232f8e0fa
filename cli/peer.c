/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Asking twice where the reply was lost (peer.h).
 *
 * No state, no locks.
 */

#include <config.h>

#include <stddef.h>

#include "clock.h"
#include "peer.h"

/* EXECUTE: NULL asks for the status. */
static void
ask_once (struct peer *s, const char *execute, const json_t *arguments,
          struct answer *ret)
{
  if (execute == NULL)
    s->ops->status (s, ret);
  else
    s->ops->command (s, execute, arguments, ret);
}

/* The first may have been carried out though the second was not sent. */
static void
stay_lost (const struct answer *first, struct answer *second)
{
  const struct answer why = *second;

  if (second->outcome != OUTCOME_NOT_SENT)
    return;
  answer_set (second, OUTCOME_LOST, "%.200s; then: %.200s", first->text,
              why.text);
  second->hint[0] = '\0';
}

static void
ask_again (struct peer *s, const char *execute, const json_t *arguments,
           struct answer *ret)
{
  struct answer second = { .outcome = OUTCOME_LOST };

  ask_once (s, execute, arguments, &second);
  stay_lost (ret, &second);
  answer_clear (ret);
  *ret = second;
  ret->retried = true;
}

static void
ask (struct peer *s, const char *execute, const json_t *arguments,
     struct answer *ret)
{
  const uint64_t start = clock_us ();

  answer_clear (ret);
  ask_once (s, execute, arguments, ret);
  if (ret->outcome == OUTCOME_LOST && !ret->timed_out)
    ask_again (s, execute, arguments, ret);
  ret->us = clock_us () - start;
}

void
peer_status (struct peer *s, struct answer *ret)
{
  ask (s, NULL, NULL, ret);
}

void
peer_command (struct peer *s, const char *execute,
                const json_t *arguments, struct answer *ret)
{
  ask (s, execute, arguments, ret);
}

void
peer_free (struct peer *s)
{
  if (s != NULL)
    s->ops->free (s);
}
