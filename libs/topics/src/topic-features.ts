import type { TopicDefinition } from './options.js';

/** The topics that modules ask for: one with options of its own is created with them, one only named may not be there. */
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

/** Is nothing said of it but its name? */
export function isNameOnly(feature: TopicDefinition): boolean {
  return Object.keys(feature).length === 1;
}
