/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A name for this host, where the user gives none: the first 12 digits of
 * /etc/machine-id, which tells hosts apart even where all are called
 * "localhost"; else the host's name.
 */

#ifndef BATON_HOST_NAME_H
#define BATON_HOST_NAME_H

/* The caller frees it.  NULL, and errno, when there is no memory. */
char *host_name (void);

#endif /* BATON_HOST_NAME_H */
