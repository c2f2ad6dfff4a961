// Which end of a connection a socket is, as far as it tells that itself.
#pragma once

enum role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER };

static __always_inline bool is_internet(__u16 family)
{
  return family == AF_INET || family == AF_INET6;
}

static __always_inline bool is_stream(struct sock *sk)
{
  return GET_BITFIELD(sock, sk, sk_type) == SOCK_STREAM;
}

static __always_inline bool is_tcp(struct sock *sk)
{
  return is_stream(sk) && GET_BITFIELD(sock, sk, sk_protocol) == IPPROTO_TCP;
}

// Whether a connection of TCP came to the socket: it has the interface of the first packet where others have that of their
// multicasts, which cannot be set of a stream (tcp_v4_syn_recv_sock, tcp_v6_syn_recv_sock).
static __always_inline bool has_come(struct sock *sk)
{
  if (GET(inet_sock, sk, mc_index)) return 1;
  if (GET(sock, sk, __sk_common.skc_family) != AF_INET6) return 0;
  struct ipv6_pinfo *six = GET(inet_sock, sk, pinet6);
  return six && GET(ipv6_pinfo, six, mcast_oif);
}

// The same of one that may have been dissolved since and connected anew: only who connects is given a port that way.
static __always_inline bool was_accepted(struct sock *sk)
{
  if (!has_come(sk)) return 0;
  struct inet_bind_bucket *bucket = GET(inet_connection_sock, sk, icsk_bind_hash);
  return !bucket || GET(inet_bind_bucket, bucket, fastreuse) >= 0;
}

// What the socket itself tells: of TCP all that calls do, of others it is a guess. Who bound a port is the server.
static __always_inline enum role guessed_role(struct socket_record *r)
{
  struct sock *sk = (void *)r->sock;
  if (r->state == TCP_LISTEN) return ROLE_SERVER;
  bool tcp = is_tcp(sk);
  if (tcp && r->remote_port) return was_accepted(sk) ? ROLE_SERVER : ROLE_CLIENT;
  if (!r->local_port) return ROLE_UNKNOWN;
  if (r->state == TCP_ESTABLISHED && r->sock_type == SOCK_DGRAM) return ROLE_CLIENT; // it called connect
  return tcp || GET_BITFIELD(sock, sk, sk_userlocks) & SOCK_BINDPORT_LOCK ? ROLE_SERVER : ROLE_CLIENT;
}
