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

# A port that nobody has, on any address, and that the system gives to nobody
# who asks for any: not in net.ipv4.ip_local_port_range.
free_port ()
{
  python 'import random, socket, sys
kinds = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
for attempt in range(100):
    port = random.randrange(10000, 32768)
    try:
        for kind, address in kinds:
            try:
                s = socket.socket(kind)
            except OSError:
                continue
            if kind == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((address, port))
            s.close()
    except OSError:
        continue
    print(port)
    sys.exit()
sys.exit("no free port")'
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
