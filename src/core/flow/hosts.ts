/** Names of hosts in demands. */

interface Hosts {
  readonly hosts?: ReadonlySet<string>;
}

/** Those that any of the demands has; nothing when there are none. */
export function joinHosts(demands: Iterable<Hosts | undefined>): Hosts {
  const hosts = new Set([...demands].flatMap((demand) => [...(demand?.hosts ?? [])]));
  return hosts.size === 0 ? {} : { hosts };
}
