/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --help.  baton(1) says the same at length: an option is in both or in
 * neither, which a test sees to.
 */

#include <config.h>

#include "subcommand.h"

static void
print_image_options (FILE *out)
{
  fputs ("  --repair leaks|all       check: repair what is wrong: leaks alone,\n"
         "                           or all that can be\n"
         "  --progress               check: show how far it is, also where the\n"
         "                           standard error is no terminal\n", out);
}

/* S: NULL for those of all. */
static void
print_options (FILE *out, const struct subcommand *s)
{
  fputs ("Options:\n"
         "  --json                   print JSON, one object per line\n"
         "  --timeout SECONDS        give up on a command after so long (30);\n"
         "                           at most 5 of them to connect\n", out);
  if (s == NULL || s->drains)
    fputs ("  --drain-timeout SECONDS  inactivate, pass: let running requests\n"
           "                           take at most so long, or stay active\n"
           "                           (half of --timeout)\n", out);
  if (s == NULL || s->exits)
    fputs ("  --exit                   inactivate: then end the server, so that\n"
           "                           its clients reconnect to the next one\n",
           out);
  if (s == NULL || s->takes_over)
    fputs ("  --ticket FILE            activate: what inactivate printed; - is\n"
           "                           the standard input\n"
           "  --force                  activate: take the image over though its\n"
           "                           ownership record forbids it\n", out);
  if (s == NULL || s->migrates)
    fputs ("  --uri URI                migrate: where the migration comes in, as the\n"
           "                           source reaches it: tcp:HOST:PORT, unix:PATH,\n"
           "                           vsock:CID:PORT\n"
           "  --cancel                 migrate: undo one that was cut off\n"
           "  --allow-other-disks      migrate: though a disk is of no pair\n"
           "  --allow-other-images     migrate: though a pair is of no disk\n", out);
  fputs ("  --tls-certificates DIR   for nbds:// endpoints: where ca-cert.pem,\n"
         "                           client-cert.pem and client-key.pem are\n"
         "  --tls-psk-file FILE      ... or shared keys, NAME:HEXKEY\n"
         "  --tls-username NAME      whose key of these (the login name)\n", out);
  if (s == NULL || s->on_image)
    print_image_options (out);
  fputs ("  --help                   show this, or a subcommand's\n"
         "  --version                show the version\n", out);
}

void
help_general (FILE *out)
{
  size_t i;

  fputs ("Usage: baton [OPTION]... SUBCOMMAND ENDPOINT...\n"
         "\n"
         "Ask servers of qcow2 images (nbdkit-qcow2-plugin) for their state,\n"
         "and hand an image from one to another while a guest runs.\n"
         "\n"
         "An ENDPOINT is the path of the Unix socket that control= named, or\n"
         "an NBD URI: nbds://HOST:PORT/ or nbd+unix:///?socket=PATH.\n"
         "\n"
         "Subcommands:\n", out);
  for (i = 0; subcommands[i] != NULL; i++)
    fprintf (out, "  %-10s %-11s  %s\n", subcommands[i]->name,
             subcommands[i]->operands, subcommands[i]->summary);
  fputs ("  help       SUBCOMMAND   tell more of one of these\n"
         "\n", out);
  print_options (out, NULL);
  fputs ("\n"
         "Exit code: 0 done; 1 refused or failed, and nothing was changed\n"
         "unless the message says so; 2 usage.  Those of check are its own.\n",
         out);
}

void
help_subcommand (FILE *out, const struct subcommand *s)
{
  fprintf (out, "Usage: baton [OPTION]... %s %s\n\n", s->name, s->operands);
  fputs (s->help, out);
  putc ('\n', out);
  print_options (out, s);
}
