/** The parts of the SDK that are used, by name: it is CommonJS, whose names a bundle finds only where they are imported statically. */

export {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
