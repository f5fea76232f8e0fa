/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoint on TCP: who gets in; nothing before TLS, nothing but
 * TLS after STARTTLS.  And those who come one after the other leave no memory
 * behind.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <unistd.h>

#include <cmocka.h>

#include "tls-fixture.h"

/* -- who gets in ------------------------------------------------------- */

static void
test_roles (void **state)
{
  struct tls_world *w = *state;
  struct tls_client alice, bob;

  open_session (w, &bob, "bob", BOB_KEY);
  assert_int_equal (flush (&bob), 1);   /* EPERM */
  assert_int_equal (dummies_nr_flush (&w->dummies), 0);
  open_session (w, &alice, "alice", ALICE_KEY);
  assert_int_equal (flush (&alice), 0);
  assert_int_equal (dummies_nr_flush (&w->dummies), 1);
  tls_client_end (&alice);
  tls_client_end (&bob);
}

/* The client's own library does speak them: it is we who refuse. */
static void
test_old_version (void **state)
{
  static const char *const priorities[] = {
    "NORMAL:-VERS-ALL:+VERS-TLS1.1:-KX-ALL:+ECDHE-PSK:+DHE-PSK:%COMPAT",
    "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+ECDHE-PSK:+DHE-PSK:%COMPAT",
  };
  struct tls_world *w = *state;
  struct tls_client c;
  int i;

  for (i = 0; i < 2; i++) {
    assert_int_equal (tls_client_start (&c, starttls (w, 1), "alice",
                                        ALICE_KEY, priorities[i], SIZE_MAX),
                      GNUTLS_E_FATAL_ALERT_RECEIVED);
    assert_int_equal (gnutls_alert_get (c.session),
                      GNUTLS_A_PROTOCOL_VERSION);
    assert_true (c.sent_bytes > 100);   /* a hello */
    tls_client_end (&c);
    assert_refused (w, i + 1, "version");
  }
}

/* Key exchanges without forward secrecy, ciphers without authentication. */
static void
test_old_tls (void **state)
{
  static const char *const priorities[] = {
    "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK",
    "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+AES-128-CBC",
    "NORMAL:-KX-ALL:+ECDHE-RSA",        /* neither key nor certificate */
  };
  struct tls_world *w = *state;
  struct tls_client c;
  int i;

  for (i = 0; i < 3; i++) {
    assert_true (tls_client_start (&c, starttls (w, 1), "alice", ALICE_KEY,
                                   priorities[i], SIZE_MAX) < 0);
    tls_client_end (&c);
    assert_refused (w, i + 1, "");
  }
}

static void
test_wrong_key (void **state)
{
  static const char *const priorities[] = {
    NORMAL_PSK ":-VERS-TLS1.3", NORMAL_PSK,
  };
  struct tls_world *w = *state;
  struct tls_client c;
  int i;

  for (i = 0; i < 2; i++) {
    tls_client_start (&c, starttls (w, 1), "alice", BOB_KEY, priorities[i],
                      SIZE_MAX);
    tls_client_end (&c);
    assert_refused (w, 2 * i + 1, "shared key is not that of \"alice\"");
    tls_client_start (&c, starttls (w, 1), "eve", BOB_KEY, priorities[i],
                      SIZE_MAX);
    tls_client_end (&c);
    assert_refused (w, 2 * i + 2, "no shared key for \"eve\"");
  }
}

/* A good key is not enough. */
static void
test_not_on_list (void **state)
{
  struct tls_world *w = *state;
  struct tls_client c;
  char byte;

  tls_client_start (&c, starttls (w, 1), "carol", CAROL_KEY, NORMAL_PSK,
                    SIZE_MAX);
  assert_false (tls_client_recv (&c, &byte, 1));
  tls_client_end (&c);
  assert_refused (w, 1, "\"carol\" is not allowed here");
}

/* -- before TLS, and around it ------------------------------------------ */

static void
test_options_before (void **state)
{
  static const uint32_t options[] = {
    NBD_OPT_LIST, NBD_OPT_INFO, NBD_OPT_GO, NBD_OPT_STRUCTURED_REPLY,
    NBD_OPT_LIST_META_CONTEXT, NBD_OPT_SET_META_CONTEXT, 99,
  };
  struct tls_world *w = *state;
  int fd = tcp_connect (w, 1), others;
  size_t i;

  client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  for (i = 0; i < sizeof options / sizeof options[0]; i++) {
    assert_int_equal (client_ask (fd, options[i], NULL, 0, &others),
                      NBD_REP_ERR_TLS_REQD);
    assert_int_equal (others, 0);
  }
  client_option (fd, NBD_OPT_EXPORT_NAME, NULL, 0);
  client_assert_closed (fd);
  close (fd);
  assert_refused (w, 1, "without TLS");
}

/* Put in by somebody on the way, before the client's own STARTTLS. */
static void
test_options_injected (void **state)
{
  struct tls_world *w = *state;
  struct tls_client c;
  uint8_t buf[256];
  uint32_t len = client_meta (buf, "", CONTROL_CONTEXT);
  int fd = tcp_connect (w, 1), others;

  client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  client_ask (fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0, &others);
  client_ask (fd, NBD_OPT_SET_META_CONTEXT, buf, len, &others);
  assert_int_equal (client_ask (fd, NBD_OPT_STARTTLS, NULL, 0, &others),
                    NBD_REP_ACK);
  assert_int_equal (tls_client_start (&c, fd, "alice", ALICE_KEY, NORMAL_PSK,
                                      SIZE_MAX), 0);
  /* "unless structured replies have been negotiated first" */
  assert_int_equal (tls_client_option (&c, NBD_OPT_SET_META_CONTEXT, buf, len),
                    NBD_REP_ERR_INVALID);
  assert_int_equal (tls_client_option (&c, NBD_OPT_STARTTLS, NULL, 0),
                    NBD_REP_ERR_INVALID);
  tls_client_end (&c);
}

/* Plain text where TLS was to begin: in the same packet, and after. */
static void
test_plain_after (void **state)
{
  struct tls_world *w = *state;
  uint8_t option[32], reply[20];
  int fd, i;

  store_be64 (option, NBD_OPTION_MAGIC);
  store_be32 (option + 8, NBD_OPT_STARTTLS);
  store_be32 (option + 12, 0);
  memcpy (option + 16, option, 16);
  store_be32 (option + 24, NBD_OPT_STRUCTURED_REPLY);
  for (i = 0; i < 2; i++) {
    fd = tcp_connect (w, 1);
    client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
    client_send (fd, option, i == 0 ? 32 : 16);
    assert_true (client_recv (fd, reply, sizeof reply));
    assert_int_equal (load_be32 (reply + 12), NBD_REP_ACK);
    client_send (fd, option + 16, 16);
    shutdown (fd, SHUT_WR);
    assert_refused (w, i + 1, "plain text");
    close (fd);
  }
}

static void
test_renegotiation (void **state)
{
  struct tls_world *w = *state;
  struct tls_client c;
  char byte;

  assert_int_equal (tls_client_start (&c, starttls (w, 1), "alice", ALICE_KEY,
                                      NORMAL_PSK ":-VERS-TLS1.3", SIZE_MAX),
                    0);
  assert_true (gnutls_handshake (c.session) < 0);
  assert_refused (w, 1, "negotiate TLS again");
  assert_false (tls_client_recv (&c, &byte, 1));
  tls_client_end (&c);
}

/* All that a client may remember of a session. */
static gnutls_datum_t
remember (struct tls_world *w, const char *priority)
{
  gnutls_datum_t session;
  struct tls_client c;

  assert_int_equal (tls_client_start (&c, starttls (w, 1), "alice", ALICE_KEY,
                                      priority, SIZE_MAX), 0);
  /* TLS 1.3 has its tickets after the handshake. */
  assert_int_equal (tls_client_option (&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0),
                    NBD_REP_ACK);
  assert_int_equal (gnutls_session_get_flags (c.session) &
                    GNUTLS_SFLAGS_SESSION_TICKET, 0);
  assert_int_equal (gnutls_session_get_data2 (c.session, &session), 0);
  tls_client_end (&c);
  return session;
}

static void
test_no_resumption (void **state)
{
  static const char *const priorities[] = {
    NORMAL_PSK, NORMAL_PSK ":-VERS-TLS1.3",
  };
  struct tls_world *w = *state;
  struct tls_client c;
  int i;

  for (i = 0; i < 2; i++) {
    gnutls_datum_t session = remember (w, priorities[i]);

    tls_client_prepare (&c, starttls (w, 1), "alice", ALICE_KEY, priorities[i],
                        SIZE_MAX);
    assert_int_equal (gnutls_session_set_data (c.session, session.data,
                                               session.size), 0);
    assert_int_equal (tls_client_handshake (&c), 0);
    assert_false (gnutls_session_is_resumed (c.session));
    gnutls_free (session.data);
    tls_client_end (&c);
  }
}

/* -- memory ------------------------------------------------------------ */

static void
come_and_go (struct tls_world *w, unsigned nr)
{
  struct tls_client c;

  while (nr-- > 0) {
    open_session (w, &c, "alice", ALICE_KEY);
    tls_client_end (&c);
  }
}

/* The least of a while, since the last ones may still be closing. */
static size_t
allocated (void)
{
  size_t least = SIZE_MAX;
  int i;

  for (i = 0; i < 20; i++) {
    const size_t now = mallinfo2 ().uordblks;

    if (now < least)
      least = now;
    usleep (10000);
  }
  return least;
}

/* GnuTLS keeps 224 bytes for every thread that it has seen.  What libc keeps for
 * each thread counts as used, and is not of interest: see main. */
static void
test_one_after_the_other (void **state)
{
  const unsigned nr = 200;
  size_t before, after;

  come_and_go (*state, 20);
  before = allocated ();
  come_and_go (*state, nr);
  after = allocated ();
  if (after > before + nr * 112)
    fail_msg ("%zu bytes before, %zu after %u connections", before, after, nr);
}

#define TEST(name) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)

#define TUNABLES "GLIBC_TUNABLES"

/* It has a malloc of its own, and /proc/self/exe is valgrind. */
static bool
under_valgrind (void)
{
  const char *loaded = getenv ("LD_PRELOAD");

  return loaded != NULL && strstr (loaded, "vgpreload") != NULL;
}

int
main (int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    TEST (test_roles),
    TEST (test_old_version),
    TEST (test_old_tls),
    TEST (test_wrong_key),
    TEST (test_not_on_list),
    TEST (test_options_before),
    TEST (test_options_injected),
    TEST (test_plain_after),
    TEST (test_renegotiation),
    TEST (test_no_resumption),
    TEST (test_one_after_the_other),
  };

  (void) argc;

  if (getenv (TUNABLES) == NULL && !under_valgrind ()) {
    setenv (TUNABLES, "glibc.malloc.tcache_count=0", 1);
    execv ("/proc/self/exe", argv);
  }
  return cmocka_run_group_tests (tests, NULL, NULL);
}
