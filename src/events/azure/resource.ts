/** What an Azure resource id tells: `/subscriptions/ID/resourceGroups/GROUP/providers/NAMESPACE/TYPE/NAME/…`. */

import { text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import { find } from './read.ts';

export interface Resource {
  readonly tenant?: string | undefined;
  readonly subscription?: string | undefined;
  readonly group?: string | undefined;
  readonly provider?: string | undefined;
  readonly type?: string | undefined;
  readonly name?: string | undefined;
}

/** All in lower case but the name. */
export function resourceOf(event: CloudEvent): Resource {
  const parts =
    text(find(event, 'resourceId'))
      ?.split('/')
      .filter((part) => part !== '') ?? [];
  const lowered = parts.map((part) => part.toLowerCase());
  const after = (word: string) => {
    const at = lowered.indexOf(word);
    return at < 0 ? undefined : lowered[at + 1];
  };
  const at = lowered.lastIndexOf('providers');
  const provider = at < 0 ? undefined : lowered[at + 1];
  // Types and names take turns below the provider.
  const types = at < 0 ? [] : lowered.slice(at + 2).filter((_, index) => index % 2 === 0);
  return {
    tenant: after('tenants'),
    subscription: after('subscriptions'),
    group: after('resourcegroups'),
    provider,
    type: provider === undefined || types.length === 0 ? undefined : [provider, ...types].join('/'),
    name: parts.at(-1),
  };
}
