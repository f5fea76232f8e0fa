/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton: the command line.
 *
 * Options may stand anywhere.  Everything is checked before any server is
 * asked for anything: a mistyped second endpoint must not leave a hand-over
 * half done.
 *
 * SIGPIPE is ignored: that nobody reads our words is no reason to stop
 * between two servers.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "subcommand.h"

#define DEFAULT_TIMEOUT_US UINT64_C (30000000)
#define MAX_CONNECT_US UINT64_C (5000000)
#define MIN_SECONDS 0.01
#define MAX_SECONDS 86400.0

const struct subcommand *const subcommands[] = {
  &subcommand_status,
  &subcommand_flush,
  &subcommand_inactivate,
  &subcommand_activate,
  &subcommand_invalidate,
  &subcommand_pass,
  &subcommand_migrate,
  &subcommand_check,
  NULL,
};

const struct subcommand *
subcommand_find (const char *name)
{
  size_t i;

  for (i = 0; subcommands[i] != NULL; i++)
    if (strcmp (name, subcommands[i]->name) == 0)
      return subcommands[i];
  return NULL;
}

/* What was typed. */
struct command_line {
  bool help, version, json, progress, force, exit, cancel, other_disks,
       other_images;
  const char *repair;           /* NULL: not given */
  const char *ticket, *uri;     /* NULL: not given */
  uint64_t timeout_us, drain_us;        /* 0: not given */
  struct client_tls tls;
  size_t nr_words;
  char *const *words;           /* subcommand and operands */
};

static int
usage_hint (const char *subcommand)
{
  if (subcommand != NULL)
    fprintf (stderr, "baton: hint: baton %s --help\n", subcommand);
  else
    fputs ("baton: hint: baton --help\n", stderr);
  return EXIT_USAGE;
}

/* -- options ---------------------------------------------------------- */

static bool
parse_seconds (const char *option, const char *text, uint64_t *ret_us)
{
  char *end;
  double seconds;

  errno = 0;
  seconds = strtod (text, &end);
  if (end == text || *end != '\0' || errno != 0 ||
      !(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) {
    fprintf (stderr, "baton: %s: a number of seconds from %g to %.0f, "
             "not \"%s\"\n", option, MIN_SECONDS, MAX_SECONDS, text);
    return false;
  }
  *ret_us = (uint64_t) (seconds * 1e6);
  return true;
}

static bool
parse_repair (const char *text, const char **ret)
{
  if (strcmp (text, "leaks") != 0 && strcmp (text, "all") != 0) {
    fprintf (stderr, "baton: --repair: leaks or all, not \"%s\"\n", text);
    return false;
  }
  *ret = text;
  return true;
}

static bool
take_option (int option, struct command_line *ret)
{
  switch (option) {
  case 'h':
    ret->help = true;
    return true;
  case 'V':
    ret->version = true;
    return true;
  case 'j':
    ret->json = true;
    return true;
  case 't':
    return parse_seconds ("--timeout", optarg, &ret->timeout_us);
  case 'f':
    ret->force = true;
    return true;
  case 'e':
    ret->exit = true;
    return true;
  case 'T':
    ret->ticket = optarg;
    return true;
  case 'd':
    return parse_seconds ("--drain-timeout", optarg, &ret->drain_us);
  case 'c':
    ret->tls.certificates = optarg;
    return true;
  case 'p':
    ret->tls.psk_file = optarg;
    return true;
  case 'u':
    ret->tls.username = optarg;
    return true;
  case 'r':
    return parse_repair (optarg, &ret->repair);
  case 'U':
    ret->uri = optarg;
    return true;
  case 'C':
    ret->cancel = true;
    return true;
  case 'O':
    ret->other_disks = true;
    return true;
  case 'I':
    ret->other_images = true;
    return true;
  case 'P':
    ret->progress = true;
    return true;
  default:
    return false;
  }
}

static bool
parse_options (int argc, char **argv, struct command_line *ret)
{
  static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { "json", no_argument, NULL, 'j' },
    { "force", no_argument, NULL, 'f' },
    { "exit", no_argument, NULL, 'e' },
    { "ticket", required_argument, NULL, 'T' },
    { "timeout", required_argument, NULL, 't' },
    { "drain-timeout", required_argument, NULL, 'd' },
    { "tls-certificates", required_argument, NULL, 'c' },
    { "tls-psk-file", required_argument, NULL, 'p' },
    { "tls-username", required_argument, NULL, 'u' },
    { "repair", required_argument, NULL, 'r' },
    { "progress", no_argument, NULL, 'P' },
    { "uri", required_argument, NULL, 'U' },
    { "cancel", no_argument, NULL, 'C' },
    { "allow-other-disks", no_argument, NULL, 'O' },
    { "allow-other-images", no_argument, NULL, 'I' },
    { NULL, 0, NULL, 0 },
  };
  int c;

  opterr = 0;
  while ((c = getopt_long (argc, argv, ":", options, NULL)) != -1) {
    if (c == ':')
      fprintf (stderr, "baton: %s: needs a value\n", argv[optind - 1]);
    else if (c == '?')
      fprintf (stderr, "baton: %s: no such option\n", argv[optind - 1]);
    if (!take_option (c, ret))
      return false;
  }
  ret->nr_words = (size_t) (argc - optind);
  ret->words = argv + optind;
  return true;
}

/* -- operands --------------------------------------------------------- */

static bool
check_endpoints (size_t nr, char *const *endpoints)
{
  struct error err = ERROR_INIT;
  struct endpoint parsed;
  size_t i;

  for (i = 0; i < nr; i++)
    if (endpoint_parse (endpoints[i], &parsed, &err) == -1) {
      fprintf (stderr, "baton: %s: %s\n", endpoints[i], err.text);
      return false;
    }
  return true;
}

static bool
check_operands (const struct subcommand *s, size_t nr, char *const *operands)
{
  if (nr < s->min_operands || nr > s->max_operands) {
    fprintf (stderr, "baton: %s: it takes %s, %zu %s given\n", s->name,
             s->operands, nr, nr == 1 ? "was" : "were");
    return false;
  }
  return s->on_image || check_endpoints (nr, operands);
}

static bool
takes_no (const struct subcommand *s, const char *option)
{
  fprintf (stderr, "baton: %s: it takes no %s\n", s->name, option);
  return false;
}

/* libnbd would take the one and ignore the other. */
static bool
check_tls (const struct client_tls *tls)
{
  if (tls->certificates != NULL && tls->psk_file != NULL) {
    fputs ("baton: --tls-certificates and --tls-psk-file exclude each other\n",
           stderr);
    return false;
  }
  if (tls->username != NULL && tls->psk_file == NULL) {
    fputs ("baton: --tls-username needs --tls-psk-file\n", stderr);
    return false;
  }
  return true;
}

static bool
check_takes_over (const struct subcommand *s, const struct command_line *line)
{
  if (s->takes_over || (line->ticket == NULL && !line->force))
    return true;
  return takes_no (s, line->force ? "--force" : "--ticket");
}

static bool
check_migrates (const struct subcommand *s, const struct command_line *line)
{
  if (s->migrates ||
      (line->uri == NULL && !line->cancel && !line->other_disks &&
       !line->other_images))
    return true;
  return takes_no (s, line->cancel ? "--cancel" : line->uri != NULL
                        ? "--uri" : line->other_disks
                        ? "--allow-other-disks" : "--allow-other-images");
}

static bool
fill_options (const struct subcommand *s, const struct command_line *line,
              struct options *ret)
{
  const uint64_t timeout_us = line->timeout_us != 0 ? line->timeout_us
                                                    : DEFAULT_TIMEOUT_US;

  ret->json = line->json;
  ret->tls = line->tls;
  ret->ticket = line->ticket;
  ret->force = line->force;
  ret->exit = line->exit;
  ret->deadlines.command_us = timeout_us;
  ret->deadlines.connect_us = timeout_us < MAX_CONNECT_US ? timeout_us
                                                          : MAX_CONNECT_US;
  ret->drain_us = line->drain_us != 0 ? line->drain_us : timeout_us / 2;
  ret->repair = line->repair;
  ret->progress = line->progress;
  ret->uri = line->uri;
  ret->cancel = line->cancel;
  ret->other_disks = line->other_disks;
  ret->other_images = line->other_images;
  if (line->drain_us != 0 && !s->drains)
    return takes_no (s, "--drain-timeout");
  if (line->exit && !s->exits)
    return takes_no (s, "--exit");
  if (line->repair != NULL && !s->on_image)
    return takes_no (s, "--repair");
  if (line->progress && !s->on_image)
    return takes_no (s, "--progress");
  if (ret->drain_us >= timeout_us) {
    fputs ("baton: --drain-timeout must be less than --timeout: the server "
           "is to answer in time\n", stderr);
    return false;
  }
  return true;
}

/* -- running ---------------------------------------------------------- */

static const struct subcommand *
find_or_complain (const char *name)
{
  const struct subcommand *s = subcommand_find (name);

  if (s == NULL)
    fprintf (stderr, "baton: %s: no such subcommand\n", name);
  return s;
}

/* "baton help", "baton help NAME", "baton NAME --help". */
static int
run_help (const char *name)
{
  const struct subcommand *s;

  if (name == NULL) {
    help_general (stdout);
    return EXIT_DONE;
  }
  s = find_or_complain (name);
  if (s == NULL)
    return usage_hint (NULL);
  help_subcommand (stdout, s);
  return EXIT_DONE;
}

static int
run_subcommand (const struct command_line *line)
{
  const struct subcommand *s = find_or_complain (line->words[0]);
  struct options options;

  if (s == NULL)
    return usage_hint (NULL);
  if (!check_operands (s, line->nr_words - 1, line->words + 1) ||
      !check_takes_over (s, line) || !check_migrates (s, line) ||
      !fill_options (s, line, &options) || !check_tls (&line->tls)) {
    usage_hint (s->name);
    /* For an image, 2 is a verdict. */
    return s->on_image ? EXIT_FAILED : EXIT_USAGE;
  }
  return s->run (&options, line->nr_words - 1, line->words + 1);
}

static int
run (const struct command_line *line)
{
  const char *first = line->nr_words > 0 ? line->words[0] : NULL;

  if (line->version) {
    printf ("baton %s\n", PACKAGE_VERSION);
    return EXIT_DONE;
  }
  if (first != NULL && strcmp (first, "help") == 0)
    return run_help (line->nr_words > 1 ? line->words[1] : NULL);
  if (line->help)
    return run_help (first);
  if (first == NULL) {
    fputs ("baton: what is to be done?  A subcommand is missing\n", stderr);
    return usage_hint (NULL);
  }
  return run_subcommand (line);
}

/* For status, check and help, whose words are all there is to them, words that got
 * lost are a failure; but what was done to an image stays done. */
static int
close_stdout (const struct command_line *line, int code)
{
  const bool only_tells = line->nr_words == 0 || line->help ||
                          strcmp (line->words[0], "status") == 0 ||
                          strcmp (line->words[0], "check") == 0 ||
                          strcmp (line->words[0], "help") == 0;

  if (fflush (stdout) == 0 && !ferror (stdout))
    return code;
  fprintf (stderr, "baton: cannot write to the standard output: %s\n",
           strerror (errno));
  return code == EXIT_DONE && only_tells ? EXIT_FAILED : code;
}

int
main (int argc, char **argv)
{
  struct command_line line = { .help = false };

  signal (SIGPIPE, SIG_IGN);
  if (!parse_options (argc, argv, &line))
    return usage_hint (NULL);
  return close_stdout (&line, run (&line));
}
