/** The fields of CloudTrail records: Falco's names, and some of ours (spec/cloud-sources.md §1.3). */

import { at, count, items, list, member, text, textOrJson } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import {
  type CloudField,
  type CloudFieldRow,
  chosen,
  defineCloudFields,
  indexOf,
  listed,
  path,
  plain,
  whole,
} from '../cloud/table.ts';
import type { Value } from '../field.ts';
import { deprecated } from '../field-table.ts';
import { grantsOf } from './grants.ts';
import { originalUserOf, userOf } from './identity.ts';
import { bytesOf, flagOf, infoOf, shortSourceOf, uriOf } from './info.ts';

const request = (key: string) => path('requestParameters', key);
const identity = (...keys: string[]) => path('userIdentity', ...keys);
const nonEmpty = (...keys: string[]) =>
  plain(({ document }) => {
    const value = text(at(document, keys));
    return value === '' ? undefined : value;
  });

/** The start of names of calls that only read. */
const READS =
  /^(?:Get|List|Describe|Head|Lookup|Search|BatchGet|Query|Scan|Select|Filter|Check|Verify|Test|View|Preview)/;

function readOnlyOf({ document }: CloudEvent): string | undefined {
  const told = flagOf(document.readOnly);
  const name = text(document.eventName);
  return told ?? (name === undefined ? undefined : String(READS.test(name)));
}

/** Each item as compact JSON, with commas between. */
function resourcesOf({ document }: CloudEvent): string | undefined {
  const found = items(document.resources).flatMap((item) => textOrJson(item) ?? []);
  return found.length === 0 ? undefined : found.join(',');
}

const general: readonly CloudFieldRow[] = [
  ['ct.id', 'CHARBUF', 'The id of the record (eventID).', path('eventID')],
  ['ct.error', 'CHARBUF', 'The error code; absent where the call succeeded.', path('errorCode')],
  ['ct.errormessage', 'CHARBUF', 'What went wrong, as a sentence.', path('errorMessage')],
  ['ct.time', 'CHARBUF', 'When the call completed, as it is written (eventTime).', path('eventTime')],
  ['ct.src', 'CHARBUF', 'The service, such as `s3.amazonaws.com` (eventSource).', path('eventSource')],
  ['ct.shortsrc', 'CHARBUF', 'The service without `.amazonaws.com`.', plain(shortSourceOf)],
  ['ct.name', 'CHARBUF', 'The call or event: `ConsoleLogin`, `RunInstances` (eventName).', path('eventName')],
  ['ct.region', 'CHARBUF', 'The region (awsRegion).', path('awsRegion')],
  [
    'ct.srcip',
    'CHARBUF',
    'The address of who called, or the name of a service (sourceIPAddress).',
    path('sourceIPAddress'),
  ],
  ['ct.useragent', 'CHARBUF', 'The program that called (userAgent).', path('userAgent')],
  ['ct.info', 'CHARBUF', 'Who did what to what, in one line.', plain(infoOf)],
  [
    'ct.managementevent',
    'CHARBUF',
    '`true` or `false`; absent where the record does not say.',
    plain(({ document }) => flagOf(document.managementEvent)),
  ],
  [
    'ct.readonly',
    'CHARBUF',
    '`true` when nothing is changed, else `false`; absent where the record does not say.',
    plain(({ document }) => flagOf(document.readOnly)),
  ],
  ['ct.readonly.inferred', 'CHARBUF', 'ct.readonly, or else what the name of the call suggests.', plain(readOnlyOf)],
  ['ct.requestid', 'CHARBUF', 'The id of the request.', path('requestID')],
  ['ct.eventtype', 'CHARBUF', 'The kind of record: `AwsApiCall`, `AwsConsoleSignIn`.', path('eventType')],
  ['ct.eventversion', 'CHARBUF', 'The version of the form of the record: `1.08`.', path('eventVersion')],
  ['ct.apiversion', 'CHARBUF', 'The version of the API that was called.', path('apiVersion')],
  [
    'ct.resources',
    'CHARBUF',
    'The resources concerned: each as compact JSON, with commas between.',
    plain(resourcesOf),
  ],
  ['ct.recipientaccountid', 'CHARBUF', 'The account that received the record.', path('recipientAccountId')],
  [
    'ct.serviceeventdetails',
    'CHARBUF',
    'What a service says of its own event, as compact JSON.',
    whole('serviceEventDetails'),
  ],
  ['ct.sharedeventid', 'CHARBUF', 'The id that records of one call in several accounts share.', path('sharedEventID')],
  ['ct.vpcendpointid', 'CHARBUF', 'The VPC endpoint that the request came through.', path('vpcEndpointId')],
  ['ct.eventcategory', 'CHARBUF', '`Management`, `Data`, `Insight` or `NetworkActivity`.', path('eventCategory')],
  ['ct.insight.type', 'CHARBUF', 'Of an Insights record: what is unusual.', path('insightDetails', 'insightType')],
  ['ct.addendum.reason', 'CHARBUF', 'Why the record is late or corrected.', path('addendum', 'reason')],
  ['ct.addendum.updatedfields', 'CHARBUF', 'What was corrected.', whole('addendum', 'updatedFields')],
  [
    'ct.addendum.originalrequestid',
    'CHARBUF',
    'The request of the record that was corrected.',
    path('addendum', 'originalRequestID'),
  ],
  [
    'ct.addendum.originaleventid',
    'CHARBUF',
    'The id of the record that was corrected.',
    path('addendum', 'originalEventID'),
  ],
  [
    'ct.sessioncredentialfromconsole',
    'CHARBUF',
    '`true` when the call came from a session of the console.',
    plain(({ document }) => flagOf(document.sessionCredentialFromConsole)),
  ],
  ['ct.edgedevicedetails', 'CHARBUF', 'The edge device, as compact JSON.', whole('edgeDeviceDetails')],
  ['ct.tlsdetails.tlsversion', 'CHARBUF', 'The version of TLS.', path('tlsDetails', 'tlsVersion')],
  ['ct.tlsdetails.ciphersuite', 'CHARBUF', 'The cipher suite.', path('tlsDetails', 'cipherSuite')],
  [
    'ct.tlsdetails.clientprovidedhostheader',
    'CHARBUF',
    'The host that the client asked for.',
    path('tlsDetails', 'clientProvidedHostHeader'),
  ],
  ['ct.additionaleventdata', 'CHARBUF', 'What else the service says, as compact JSON.', whole('additionalEventData')],
  [
    'ct.mfaused',
    'CHARBUF',
    'Of a login: whether a second factor was used, `Yes` or `No`.',
    path('additionalEventData', 'MFAUsed'),
  ],
  ['ct.login.result', 'CHARBUF', 'Of a login: `Success` or `Failure`.', path('responseElements', 'ConsoleLogin')],
];

const users: readonly CloudFieldRow[] = [
  ['ct.user', 'CHARBUF', 'The user or role; a service by its name.', plain(userOf)],
  ['ct.originaluser', 'CHARBUF', 'The user name; of an assumed role the name of the session.', plain(originalUserOf)],
  [
    'ct.user.accountid',
    'CHARBUF',
    'The account of the user, else the one that received the record.',
    plain(({ document }) => text(member(document.userIdentity, 'accountId')) ?? text(document.recipientAccountId)),
  ],
  ['ct.user.identitytype', 'CHARBUF', 'The kind of identity: `Root`, `IAMUser`, `AssumedRole`.', identity('type')],
  ['ct.user.principalid', 'CHARBUF', 'The unique id of who called.', identity('principalId')],
  ['ct.user.arn', 'CHARBUF', 'The Amazon Resource Name of who called.', identity('arn')],
  ['ct.user.accesskeyid', 'CHARBUF', 'The access key that signed the call.', nonEmpty('userIdentity', 'accessKeyId')],
  [
    'ct.user.mfa',
    'CHARBUF',
    'Whether the session was opened with a second factor: `true` or `false`.',
    identity('sessionContext', 'attributes', 'mfaAuthenticated'),
  ],
  [
    'ct.user.sessionissuer',
    'CHARBUF',
    'The Amazon Resource Name of the role or user that the session is of.',
    identity('sessionContext', 'sessionIssuer', 'arn'),
  ],
  ['ct.user.invokedby', 'CHARBUF', 'The service that called on behalf of the user.', identity('invokedBy')],
];

const requests: readonly CloudFieldRow[] = [
  ['ct.request', 'CHARBUF', 'All parameters of the request, as compact JSON.', whole('requestParameters')],
  ['ct.request.availabilityzone', 'CHARBUF', 'The availability zone in the request.', request('availabilityZone')],
  ['ct.request.cluster', 'CHARBUF', 'The cluster in the request.', request('cluster')],
  ['ct.request.functionname', 'CHARBUF', 'The function in the request.', request('functionName')],
  ['ct.request.groupname', 'CHARBUF', 'The group in the request.', request('groupName')],
  ['ct.request.host', 'CHARBUF', 'The host in the request.', request('Host')],
  ['ct.request.name', 'CHARBUF', 'The name of what is acted on.', request('name')],
  ['ct.request.policy', 'CHARBUF', 'The policy in the request.', whole('requestParameters', 'policy')],
  ['ct.request.reason', 'CHARBUF', 'The reason in the request.', request('reason')],
  ['ct.request.target', 'CHARBUF', 'The target in the request.', request('target')],
  ['ct.request.documentname', 'CHARBUF', 'The document in the request.', request('documentName')],
  ['ct.request.serialnumber', 'CHARBUF', 'The serial number in the request.', request('serialNumber')],
  ['ct.request.servicename', 'CHARBUF', 'The service in the request.', request('serviceName')],
  ['ct.request.subnetid', 'CHARBUF', 'The subnet in the request.', request('subnetId')],
  ['ct.request.taskdefinition', 'CHARBUF', 'The task definition in the request.', request('taskDefinition')],
  ['ct.request.username', 'CHARBUF', 'The user in the request.', request('userName')],
  [
    'ct.grant.accounts',
    'CHARBUF',
    'Accounts other than the own one that the request lets in: by a policy, as a principal, as who an image or snapshot is shared with.',
    (arg) => (event) => list(chosen(grantsOf(event).accounts, indexOf(arg))),
    listed,
  ],
  [
    'ct.grant.public',
    'BOOL',
    'Whether the request lets everybody in, without a condition: `*` as principal, `all`, a public access list.',
    plain((event) => grantsOf(event).everybody),
  ],
  ['ct.response', 'CHARBUF', 'All of the answer, as compact JSON.', whole('responseElements')],
  ['ct.response.subnetid', 'CHARBUF', 'The subnet in the answer.', path('responseElements', 'subnetId')],
  ['ct.response.reservationid', 'CHARBUF', 'The reservation in the answer.', path('responseElements', 'reservationId')],
];

const isNamed = (name: string) => plain((event) => (event.top('eventName') === name ? 1 : undefined));

const storage: readonly CloudFieldRow[] = [
  ['s3.uri', 'CHARBUF', '`s3://BUCKET/KEY`.', plain(uriOf)],
  ['s3.bucket', 'CHARBUF', 'The bucket.', request('bucketName')],
  ['s3.key', 'CHARBUF', 'The key of the object.', request('key')],
  ['s3.bytes', 'UINT64', 'Bytes that were received and sent.', plain(bytesOf)],
  [
    's3.bytes.in',
    'UINT64',
    'Bytes that were received.',
    plain(({ document }) => count(member(document.additionalEventData, 'bytesTransferredIn'))),
  ],
  [
    's3.bytes.out',
    'UINT64',
    'Bytes that were sent.',
    plain(({ document }) => count(member(document.additionalEventData, 'bytesTransferredOut'))),
  ],
  ['s3.cnt.get', 'UINT64', '1 when it is GetObject.', isNamed('GetObject')],
  ['s3.cnt.put', 'UINT64', '1 when it is PutObject.', isNamed('PutObject')],
  [
    's3.cnt.other',
    'UINT64',
    '1 when it is neither GetObject nor PutObject.',
    plain((event) => (/^(?:Get|Put)Object$/.test(text(event.top('eventName')) ?? '') ? undefined : 1)),
  ],
];

function instanceName({ document }: CloudEvent): string | undefined {
  const tags = items(at(document, ['requestParameters', 'tagSpecificationSet', 'items']))
    .filter((item) => member(item, 'resourceType') === 'instance')
    .flatMap((item) => items(member(item, 'tags')))
    .filter((tag) => member(tag, 'key') === 'Name');
  const name = text(member(tags.at(-1), 'value'));
  return name === '' ? undefined : name;
}

const REQUESTED_IMAGES = [
  ['imageId'],
  ['DescribeFastLaunchImagesRequest', 'ImageId', 'content'],
  ['launchSpecification', 'imageId'],
] as const;

function images({ document }: CloudEvent, index: number | undefined): Value | undefined {
  const started = items(at(document, ['responseElements', 'instancesSet', 'items']));
  const used = list(chosen(started, index).map((item) => text(member(item, 'imageId'))));
  if (used !== undefined || (index ?? 0) > 0) return used;
  const asked = REQUESTED_IMAGES.map((keys) => text(at(document.requestParameters, keys)));
  return list(asked.filter((each) => each !== undefined).slice(0, 1));
}

const machines: readonly CloudFieldRow[] = [
  ['ec2.name', 'CHARBUF', 'The name of the instances, from their tags.', plain(instanceName)],
  [
    'ec2.imageid',
    'CHARBUF',
    'The first image; see ec2.imageids.',
    plain((event) => (images(event, 0) as readonly string[] | undefined)?.[0]),
    deprecated,
  ],
  [
    'ec2.imageids',
    'CHARBUF',
    'The images of the instances that were started, else the one that was asked for.',
    (arg) => (event) => images(event, indexOf(arg)),
    listed,
  ],
];

export const cloudtrailFields: readonly CloudField[] = [
  ...defineCloudFields('cloudtrail', [...general, ...users, ...requests]),
  ...defineCloudFields('s3', storage),
  ...defineCloudFields('ec2', machines),
  ...defineCloudFields('ecr', [
    ['ecr.repository', 'CHARBUF', 'The repository in the request.', request('repositoryName')],
    ['ecr.imagetag', 'CHARBUF', 'The tag of the image in the request.', request('imageTag')],
  ]),
  ...defineCloudFields('iam', [
    ['iam.role', 'CHARBUF', 'The role in the request.', request('roleName')],
    ['iam.policy', 'CHARBUF', 'The policy in the request.', request('policyName')],
  ]),
];
