# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For tests of the control endpoint over TCP, after functions.sh:
#
#   start_tls NAME FILE ARG...   nbdkit with control-listen= on a free port of
#                           localhost; sets NAME_port
#   authority CA LINE...    an authority of our own in $tmp/pki/CA
#   issue NAME CA LINE...   certificates of a client in $tmp/pki/NAME, signed by
#                           that authority, with these lines in its template
#   ask NAME PORT WORD...   baton WORD... as NAME; $tmp/said is what it says

pki=$tmp/pki

certtool ()
{
  command certtool "$@" >"$tmp/certtool.out" 2>&1 </dev/null ||
    fail "certtool $*: $(cat "$tmp/certtool.out")"
}

free_port ()
{
  python 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

start_tls ()
{
  local name=$1 port
  shift
  port=$(free_port)
  printf -v "${name}_port" %s "$port"
  start_nbdkit "$name" "$@" control-listen="localhost:$port"
}

key () { certtool --generate-privkey --key-type ecdsa --outfile "$1"; }

authority ()
{
  local to=$pki/$1
  shift
  mkdir -p "$to"
  key "$to/ca-key.pem"
  printf '%s\n' ca cert_signing_key crl_signing_key "$@" >"$tmp/template"
  certtool --generate-self-signed --template "$tmp/template" \
           --load-privkey "$to/ca-key.pem" --outfile "$to/ca-cert.pem"
}

# sign TO CA LINE...: TO-cert.pem for TO-key.pem
sign ()
{
  local to=$1 ca=$2
  shift 2
  printf '%s\n' signing_key "$@" >"$tmp/template"
  certtool --generate-certificate --template "$tmp/template" \
           --load-privkey "$to-key.pem" --outfile "$to-cert.pem" \
           --load-ca-certificate "$pki/$ca/ca-cert.pem" \
           --load-ca-privkey "$pki/$ca/ca-key.pem"
}

# The client itself trusts the good authority, so that it is the server that
# has something to refuse.
issue ()
{
  local name=$1 ca=$2
  shift 2
  mkdir -p "$pki/$name"
  cp "$pki/ca/ca-cert.pem" "$pki/$name/"
  [ -f "$pki/$name/client-key.pem" ] || key "$pki/$name/client-key.pem"
  sign "$pki/$name/client" "$ca" "$@"
}

ask ()
{
  local name=$1 port=$2
  shift 2
  baton --timeout 20 --tls-certificates "$pki/$name" "$@" \
        "nbds://localhost:$port/" >"$tmp/said" 2>&1
}
