/** What readers of kernel events need beside the event. */

import { hostName } from '../../core/host.ts';
import type { Accounts } from '../accounts.ts';
import type { ContainerAccounts } from '../container-accounts.ts';
import { Hosts } from '../hosts.ts';

/** What is known about users and groups of the host. */
export type Names = Pick<Accounts, 'user' | 'userName' | 'groupName'>;

export class KernelContext {
  readonly names: Names;
  /** What is known about users and groups of containers; undefined where there is no way to ask. */
  readonly containerNames: Pick<ContainerAccounts, 'user' | 'groupName'> | undefined;
  /** What is known about names of hosts. */
  readonly hosts: Pick<Hosts, 'namesOf'>;
  /** `evt.hostname`. */
  readonly hostname: string;
  /** Names of other mount namespaces are not those of the host. */
  readonly hostMountNamespace: number | undefined;
  /** Wall clock minus CLOCK_BOOTTIME in ns; read again now and then by whoever owns the source. */
  bootOffset: bigint;
  /** Where the next slab begins in the order of all records, in bytes. */
  place = 1;
  /** Events so far. */
  events = 0;
  /** Slabs that are not released. */
  slabs = 0;
  /** ns since the epoch of the first event, for `evt.reltime`. */
  firstTime: bigint | undefined;
  /** ns since boot of the last event, for `evt.deltatime`. */
  lastTime: bigint | undefined;

  constructor(options: {
    names: Names;
    containerNames?: Pick<ContainerAccounts, 'user' | 'groupName'>;
    hosts?: Pick<Hosts, 'namesOf'>;
    bootOffset: bigint;
    hostname?: string;
    hostMountNamespace?: number | undefined;
  }) {
    this.names = options.names;
    this.containerNames = options.containerNames;
    this.hosts = options.hosts ?? new Hosts();
    this.bootOffset = options.bootOffset;
    this.hostname = options.hostname ?? hostName();
    this.hostMountNamespace = options.hostMountNamespace;
  }
}
