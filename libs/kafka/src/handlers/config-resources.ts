/** Kinds of things that have a configuration, in the protocol's numbers. */
export const ResourceType = { TOPIC: 2, BROKER: 4 } as const;
