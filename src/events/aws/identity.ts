/** Who it was, of a CloudTrail record (spec/cloud-sources.md §1.3). */

import { at, member, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';

/** `ct.user`: the name of the user or role; of services, other accounts and federated users what there is instead. */
export function userOf({ document }: CloudEvent): string | undefined {
  const identity = member(document, 'userIdentity');
  switch (text(member(identity, 'type'))) {
    case 'Root':
    case 'IAMUser':
      return text(member(identity, 'userName'));
    case 'AWSService':
      return text(member(identity, 'invokedBy'));
    case 'AssumedRole':
      return text(at(identity, ['sessionContext', 'sessionIssuer', 'userName'])) ?? 'AssumedRole';
    case 'AWSAccount':
      return 'AWSAccount';
    case 'FederatedUser':
      return 'FederatedUser';
    default:
      return (
        text(member(identity, 'userName')) ??
        text(member(identity, 'principalId')) ??
        text(member(identity, 'invokedBy'))
      );
  }
}

/** `ct.originaluser`: for an assumed role the name of the session, else the user name. */
export function originalUserOf({ document }: CloudEvent): string | undefined {
  const identity = member(document, 'userIdentity');
  if (text(member(identity, 'type')) !== 'AssumedRole') return text(member(identity, 'userName'));
  const ofArn = text(member(identity, 'arn'))?.split('/') ?? [];
  if (ofArn.length === 3) return ofArn[2];
  const ofPrincipal = text(member(identity, 'principalId'))?.split(':') ?? [];
  return ofPrincipal.length === 2 ? ofPrincipal[1] : undefined;
}
