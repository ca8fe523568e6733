import { TopicNotFoundError } from './errors.js';
import type { Topic } from './topic.js';
import type { TopicManager } from './topic-manager.js';

/** Finds topics by name, and creates missing ones if that is allowed. */
export class TopicResolver {
  /** Topics being created, which publishes wait for. */
  private readonly resolving = new Map<string, Promise<Topic>>();

  constructor(
    private readonly manager: TopicManager,
    private readonly autoCreate: boolean,
    /** Throws unless topics can be created now. */
    private readonly assertOpen: () => void,
  ) {}

  /**
   * The topic, if it exists and no publish waits for its creation: later publishes must not overtake the waiting ones.
   */
  ready(name: string): Topic | undefined {
    if (this.resolving.size > 0 && this.resolving.has(name)) return undefined;
    return this.manager.has(name) ? this.manager.get(name) : undefined;
  }

  /** The topic when it exists, shared by all publishes that wait for it. */
  whenReady(name: string): Promise<Topic> {
    let topic = this.resolving.get(name);
    if (topic === undefined) {
      topic = this.resolve(name);
      this.resolving.set(name, topic);
      const settled = () => void this.resolving.delete(name);
      topic.then(settled, settled);
    }
    return topic;
  }

  async resolve(name: string): Promise<Topic> {
    this.assertOpen();
    if (this.manager.has(name)) return this.manager.get(name);
    if (!this.autoCreate) throw new TopicNotFoundError(name);
    return this.manager.start(name);
  }
}
