/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of parameters: see parameters.h.  A row is its name, its lines of
 * --help, and the function that takes its value.
 */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "host-name.h"
#include "parameters-control.h"
#include "parameters-image.h"
#include "parameters.h"

#define MAX_HOST_CHARS 64

/* -- the table ------------------------------------------------------- */

#define PARAMETERS(X)                                                       \
  X ("file", set_file,                                                      \
     "[file=]<FILE>               (required) The qcow2 image to serve.\n")  \
  X ("control", set_control,                                                \
     "control=<PATH>              Unix socket for baton(1).\n")             \
  X ("control-mode", set_control_mode,                                      \
     "control-mode=<MODE>         Permissions of that socket, in octal\n"   \
     "                            (default 0600).\n")                       \
  X ("control-listen", set_control_listen,                                  \
     "control-listen=<HOST:PORT>  Answer baton(1) over TCP, with TLS.\n")   \
  X ("control-tls-certificates", set_control_tls_certificates,              \
     "control-tls-certificates=<DIR>  For that: certificates, as nbdkit's\n"\
     "                            --tls-certificates has them ...\n")       \
  X ("control-tls-psk", set_control_tls_psk,                                \
     "control-tls-psk=<FILE>      ... or shared keys, as --tls-psk has.\n") \
  X ("control-allow", set_control_allow,                                    \
     "control-allow=<NAME,...>    Who may command: names in certificates\n" \
     "                            or of shared keys; user:NAME and\n"       \
     "                            group:NAME on the Unix socket.\n")        \
  X ("control-allow-status", set_control_allow_status,                      \
     "control-allow-status=<NAME,...>  Who may only look.\n")               \
  X ("start", set_start,                                                    \
     "start=active|inactive       Serve at once (default), or wait for\n"   \
     "                            'baton activate'.\n")                     \
  X ("while-inactive", set_while_inactive,                                  \
     "while-inactive=reject|hold  While inactive answer reads only\n"       \
     "                            (default), or keep requests waiting.\n")  \
  X ("hold-timeout", set_hold_timeout,                                      \
     "hold-timeout=<SECONDS>      How long a request may be kept waiting\n" \
     "                            (default 60, 0 for ever).\n")             \
  X ("hold-end", set_hold_end,                                              \
     "hold-end=error|close        And then: answer an error (default), or\n" \
     "                            close the client's connections.\n")       \
  X ("locking", set_locking,                                                \
     "locking=auto|on|off         QEMU's image locks: where the storage\n"  \
     "                            has them (default), required, none.\n")   \
  X ("cache", set_cache,                                                    \
     "cache=writeback|none        Use the host's page cache (default), or\n"\
     "                            O_DIRECT.\n")                             \
  X ("metadata-cache", set_metadata_cache,                                  \
     "metadata-cache=<SIZE>|auto  Memory for qcow2 tables (default auto).\n")\
  X ("host", set_host,                                                      \
     "host=<NAME>                 Who this host is (default: from\n"        \
     "                            /etc/machine-id).\n")                     \
  X ("backing", set_backing,                                                \
     "backing=same-dir|on|off     Which backing files may be opened: those\n"\
     "                            below the image's directory (default),\n" \
     "                            any, none.\n")                            \
  X ("data-file", set_data_file,                                            \
     "data-file=same-dir|on|off|<PATH>\n"                                   \
     "                            Which external data file may be opened:\n"\
     "                            what the image names if it is below the\n"\
     "                            image's directory (default), or anywhere,\n"\
     "                            none; or PATH, whatever it names.\n")      \
  X ("discard", set_discard,                                                \
     "discard=on|off              Give trimmed space back to the\n"         \
     "                            filesystem (default), or keep it.\n")    \
  X ("compress", set_compress,                                              \
     "compress=on|off             Compress whole clusters that are\n"       \
     "                            written where there was no data.\n")      \
  X ("passphrase-file", set_passphrase_file,                                \
     "passphrase-file=<FILE>|-|-<FD>  The passphrase of an encrypted\n"     \
     "                            (LUKS) image: in a file, asked for, or\n" \
     "                            on a file descriptor.\n")               \
  X ("snapshot", set_snapshot,                                              \
     "snapshot=<ID|NAME>          Serve this internal snapshot, read-only.\n")\
  X ("allow-corrupt", set_allow_corrupt,                                    \
     "allow-corrupt=off|on        Write to an image that is marked corrupt:\n"\
     "                            no (default), yes.\n")

typedef int (*set_fn) (struct parameters *p, const char *value);

static int set_file (struct parameters *p, const char *value);
static int set_start (struct parameters *p, const char *value);
static int set_while_inactive (struct parameters *p, const char *value);
static int set_hold_timeout (struct parameters *p, const char *value);
static int set_hold_end (struct parameters *p, const char *value);
static int set_locking (struct parameters *p, const char *value);
static int set_host (struct parameters *p, const char *value);

#define HELP(name, set, help) help
#define ROW(name, set, help) { name, set },

const char parameters_help[] = PARAMETERS (HELP);

static const struct row {
  const char *name;
  set_fn set;
} table[] = { PARAMETERS (ROW) };

#define NR_ROWS (sizeof table / sizeof table[0])

/* -- values ---------------------------------------------------------- */

static int
refuse_file (const char *value)
{
  if (errno == ENOENT)
    nbdkit_error ("file=%s: no such file: check the name, or make one with "
                  "'qemu-img create -f qcow2 FILE SIZE'", value);
  else
    nbdkit_error ("file=%s: %s", value, strerror (errno));
  return -1;
}

static int
set_file (struct parameters *p, const char *value)
{
  struct stat st;

  if (stat (value, &st) == -1)
    return refuse_file (value);
  if (!S_ISREG (st.st_mode) && !S_ISBLK (st.st_mode)) {
    nbdkit_error ("file=%s: is %s: give a regular file or a block device "
                  "that holds a qcow2 image", value,
                  S_ISDIR (st.st_mode) ? "a directory" :
                  S_ISFIFO (st.st_mode) ? "a FIFO" :
                  S_ISSOCK (st.st_mode) ? "a socket" : "a character device");
    return -1;
  }
  p->file = nbdkit_realpath (value);
  return p->file ? 0 : -1;
}

static int
set_start (struct parameters *p, const char *value)
{
  const int i = CHOOSE ("start", value, "active", "inactive");

  p->start_inactive = i == 1;
  return i == -1 ? -1 : 0;
}

static int
set_while_inactive (struct parameters *p, const char *value)
{
  const int i = CHOOSE ("while-inactive", value, "reject", "hold");

  p->hold = i == 1;
  return i == -1 ? -1 : 0;
}

static int
set_hold_timeout (struct parameters *p, const char *value)
{
  return nbdkit_parse_unsigned ("hold-timeout", value,
                                &p->hold_timeout_seconds);
}

static int
set_hold_end (struct parameters *p, const char *value)
{
  const int i = CHOOSE ("hold-end", value, "error", "close");

  p->hold_end_close = i == 1;
  return i == -1 ? -1 : 0;
}

static int
set_locking (struct parameters *p, const char *value)
{
  static const enum locking modes[] = {
    LOCKING_AUTO, LOCKING_ON, LOCKING_OFF
  };
  const int i = CHOOSE ("locking", value, "auto", "on", "off");

  if (i == -1)
    return -1;
  p->locking = modes[i];
  return 0;
}

static bool
is_host_name (const char *value)
{
  size_t i;

  for (i = 0; value[i]; ++i)
    if (!isgraph ((unsigned char) value[i]))
      return false;
  return i > 0 && i <= MAX_HOST_CHARS;
}

static int
set_host (struct parameters *p, const char *value)
{
  if (!is_host_name (value)) {
    nbdkit_error ("host=%s: must be 1 to %d printable ASCII characters "
                  "without spaces", value, MAX_HOST_CHARS);
    return -1;
  }
  p->host = strdup (value);
  if (!p->host)
    nbdkit_error ("strdup: %s", strerror (errno));
  return p->host ? 0 : -1;
}

/* -- the whole ------------------------------------------------------- */

static const struct row *
find_row (const char *name)
{
  size_t i;

  for (i = 0; i < NR_ROWS; ++i)
    if (strcmp (table[i].name, name) == 0)
      return &table[i];
  return NULL;
}

static bool
is_given (const struct parameters *p, const char *name)
{
  return p->given >> (find_row (name) - table) & 1;
}

static int
refuse_unknown (const char *key)
{
  char list[512] = "";
  size_t i;

  for (i = 0; i < NR_ROWS; ++i) {
    if (i)
      strcat (list, ", ");
    strcat (list, table[i].name);
  }
  nbdkit_error ("unknown parameter '%s': there are %s", key, list);
  return -1;
}

int
parameters_set (struct parameters *p, const char *key, const char *value)
{
  const struct row *row = find_row (key);

  if (!row)
    return refuse_unknown (key);
  if (is_given (p, key)) {
    nbdkit_error ("%s= is given twice: give it once", key);
    return -1;
  }
  p->given |= UINT64_C (1) << (row - table);
  return row->set (p, value);
}

/* What only makes sense for a server that can be told to change its state. */
static int
check_control (const struct parameters *p)
{
  static const char *const names[] = {
    "while-inactive", "hold-timeout", "hold-end"
  };
  size_t i;

  if ((p->control || p->control_listen) && p->snapshot) {
    nbdkit_error ("snapshot= and control= exclude each other: a snapshot is "
                  "served read-only, and is not handed over");
    return -1;
  }
  if (p->control || p->control_listen)
    return 0;
  if (p->start_inactive) {
    nbdkit_error ("start=inactive needs control=PATH: nothing could ever "
                  "activate this server");
    return -1;
  }
  for (i = 0; i < sizeof names / sizeof names[0]; ++i)
    if (is_given (p, names[i])) {
      nbdkit_error ("%s= needs control=PATH: without it this server is always "
                    "active", names[i]);
      return -1;
    }
  return 0;
}

int
parameters_complete (struct parameters *p)
{
  if (!p->file) {
    nbdkit_error ("the file= parameter is missing: say which qcow2 image to "
                  "serve, for instance 'nbdkit qcow2 disk.qcow2'");
    return -1;
  }
  if (check_control (p) == -1 || check_control_endpoint (p) == -1)
    return -1;
  if (!p->host)
    p->host = host_name ();
  if (!p->host)
    nbdkit_error ("no name for this host: %s", strerror (errno));
  return p->host ? 0 : -1;
}

void
parameters_dump (void)
{
  size_t i;

  for (i = 0; i < NR_ROWS; ++i)
    printf ("%s%s", i ? " " : "", table[i].name);
}

void
parameters_free (struct parameters *p)
{
  free (p->file);
  free (p->control);
  free (p->control_listen);
  free (p->control_tls_certificates);
  free (p->control_tls_psk);
  free (p->host);
  free (p->data_file_path);
  free (p->snapshot);
  p->snapshot = NULL;
  keyring_free (p->keyring);
  p->keyring = NULL;
  p->file = p->control = p->host = p->data_file_path = NULL;
  p->control_listen = p->control_tls_certificates = p->control_tls_psk = NULL;
  access_list_clear (&p->control_access);
}
