/** The parts of the SDK that are used, by name: it is CommonJS, whose names a bundle finds only where they are imported statically. */

export { CloudTrailClient, ListPublicKeysCommand, LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
