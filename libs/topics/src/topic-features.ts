import type { TopicDefinition } from './options.js';

/** The topics that modules request: some with options to create them with, others by name alone. */
export class TopicFeatures {
  private readonly asked: TopicDefinition[] = [];

  add(definition: TopicDefinition): void {
    this.asked.push(definition);
  }

  get all(): readonly TopicDefinition[] {
    return this.asked;
  }

  get defined(): TopicDefinition[] {
    return this.asked.filter((feature) => !isNameOnly(feature));
  }

  get named(): string[] {
    return this.asked.filter(isNameOnly).map(({ name }) => name);
  }
}

/** Whether a definition has nothing but a name. */
export function isNameOnly(feature: TopicDefinition): boolean {
  return Object.keys(feature).length === 1;
}
