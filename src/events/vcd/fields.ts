/** The fields of VMware Cloud Director's audit events; all ours (spec/cloud-sources.md §3). */

import { list, member, ownMember, text, textOrJson } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import { byKey, type CloudField, defineCloudFields, fromOrigin, type MakeReader, path, plain } from '../cloud/table.ts';

const PREFIX = 'com/vmware/vcloud/event/';

/** The type of event in full, as REST or the bus names it. */
function fullTypeOf({ document }: Pick<CloudEvent, 'document'>): string | undefined {
  return text(document.eventType) ?? text(document.type);
}

/** The type of event without what all of them begin with: `session/login`. */
export function shortTypeOf(event: Pick<CloudEvent, 'document'>): string | undefined {
  const full = fullTypeOf(event);
  return full?.startsWith(PREFIX) ? full.slice(PREFIX.length) : full;
}

/** REST says SUCCESS or FAILURE, the bus true or false. */
export function statusOf({ document }: CloudEvent): string | undefined {
  const { eventStatus, operationSuccess } = document;
  const told = text(eventStatus);
  if (told !== undefined) return told;
  const success = text(operationSuccess);
  return success === undefined ? undefined : success === 'true' ? 'SUCCESS' : 'FAILURE';
}

function successOf(event: CloudEvent): string | undefined {
  const status = statusOf(event);
  return status === undefined ? undefined : String(status.toUpperCase() === 'SUCCESS');
}

/** An id, of an object with one or as itself. */
const idOf = (value: unknown): string | undefined => text(member(value, 'id')) ?? text(value);

/** The id of what an event is about. */
export function entityIdOf({ document }: CloudEvent): string | undefined {
  return idOf(document.eventEntity) ?? idOf(document.entity);
}

/** `urn:vcloud:vm:…` is of a `vm`. */
function entityTypeOf(event: CloudEvent): string | undefined {
  const parts = entityIdOf(event)?.split(':') ?? [];
  return parts[0] === 'urn' ? parts[2] : undefined;
}

const extra = ({ document }: CloudEvent, key: string): unknown => ownMember(document.additionalProperties, key);
const extraText = (key: string): MakeReader => plain((event) => text(extra(event, key)));
const entityName = ({ document }: CloudEvent): string | undefined => text(member(document.eventEntity, 'name'));

const property: MakeReader =
  (key = '') =>
  (event) => {
    const value = extra(event, key);
    return text(member(value, 'name')) ?? text(member(value, 'id')) ?? textOrJson(value);
  };

export const vcdFields: readonly CloudField[] = defineCloudFields('vcd', [
  ['vcd.id', 'CHARBUF', 'The id of the event, without `urn:vcloud:audit:`.', plain(({ id }) => id)],
  ['vcd.time', 'CHARBUF', 'When it happened, as it is written.', path('timestamp')],
  ['vcd.type', 'CHARBUF', 'The type of event in full.', plain(fullTypeOf)],
  ['vcd.shorttype', 'CHARBUF', 'The type of event: `session/login`, `vm/delete`.', plain(shortTypeOf)],
  [
    'vcd.objecttype',
    'CHARBUF',
    'The first part of the type: `session`, `vm`.',
    plain((event) => shortTypeOf(event)?.split('/')[0]),
  ],
  [
    'vcd.action',
    'CHARBUF',
    'The last part of the type: `login`, `delete`.',
    plain((event) => shortTypeOf(event)?.split('/').at(-1)),
  ],
  ['vcd.status', 'CHARBUF', '`SUCCESS` or `FAILURE`.', plain(statusOf)],
  ['vcd.success', 'CHARBUF', 'Whether it succeeded: `true` or `false`.', plain(successOf)],
  ['vcd.description', 'CHARBUF', 'What happened, as a sentence.', path('description')],
  [
    'vcd.namespace',
    'CHARBUF',
    'The service that tells of it; `com.vmware.vcloud` is the director itself.',
    path('serviceNamespace'),
  ],
  ['vcd.external', 'CHARBUF', 'Whether an extension tells of it: `true` or `false`.', path('external')],
  ['vcd.org.name', 'CHARBUF', 'The organization.', path('operatingOrg', 'name')],
  [
    'vcd.org.id',
    'CHARBUF',
    'The id of the organization.',
    plain(({ document }) => idOf(document.operatingOrg) ?? idOf(document.org)),
  ],
  ['vcd.user.name', 'CHARBUF', 'Who did it.', path('user', 'name')],
  ['vcd.user.id', 'CHARBUF', 'The id of who did it.', plain(({ document }) => idOf(document.user))],
  ['vcd.actor.name', 'CHARBUF', 'Who did it on behalf of the user.', path('actor', 'name')],
  ['vcd.entity.name', 'CHARBUF', 'What it was done to.', plain(entityName)],
  ['vcd.entity.id', 'CHARBUF', 'The id of what it was done to.', plain(entityIdOf)],
  ['vcd.entity.type', 'CHARBUF', 'The kind of that: `vm`, `user`.', plain(entityTypeOf)],
  [
    'vcd.task.id',
    'CHARBUF',
    'The task that it belongs to.',
    plain(({ document }) => idOf(document.taskId) ?? idOf(document.task)),
  ],
  [
    'vcd.task.owner',
    'CHARBUF',
    'What that task is about; on the bus only.',
    plain(({ document }) => idOf(document.taskOwner)),
  ],
  ['vcd.cell.id', 'CHARBUF', 'The cell that it happened on.', path('cellId')],
  ['vcd.srcip', 'CHARBUF', 'The address of the client.', extraText('currentContext.user.clientIpAddress')],
  ['vcd.proxyip', 'CHARBUF', 'The address of the proxy in front.', extraText('currentContext.user.proxyAddress')],
  [
    'vcd.user.roles',
    'CHARBUF',
    'The roles of who did it.',
    plain((event) => list((text(extra(event, 'user.roles')) ?? '').split(',').map((role) => role.trim() || undefined))),
    { list: true },
  ],
  ['vcd.session.id', 'CHARBUF', 'The session.', extraText('user.session.id')],
  ['vcd.prop', 'CHARBUF', 'A further property by its key; of an object its name, else its id.', property, byKey],
  [
    'vcd.vm.name',
    'CHARBUF',
    'The virtual machine.',
    plain((event) => text(extra(event, 'vm.name')) ?? (entityTypeOf(event) === 'vm' ? entityName(event) : undefined)),
  ],
  ['vcd.vm.state', 'CHARBUF', 'The state of the virtual machine.', extraText('vm.state')],
  ['vcd.vdc.name', 'CHARBUF', 'The virtual data center.', extraText('vdc.name')],
  ['vcd.transport', 'CHARBUF', 'How it came: `rest` or `mqtt`.', fromOrigin('vcd.transport')],
  ['vcd.topic', 'CHARBUF', 'The topic that it was published on.', fromOrigin('vcd.topic')],
]);
