/** What is used of the Event Hubs SDK, loaded by the first component that needs it. */

export {
  type CheckpointStore,
  EventHubConsumerClient,
  EventHubProducerClient,
  earliestEventPosition,
  type ProcessErrorHandler,
} from '@azure/event-hubs';
