/** What is used of the Blob SDK, loaded when checkpoints are there. */

export { BlobCheckpointStore } from '@azure/eventhubs-checkpointstore-blob';
export { ContainerClient } from '@azure/storage-blob';
