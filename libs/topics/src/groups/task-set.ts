/** Work that goes on by itself, and is waited for in the end. None of it may reject. */
export class TaskSet {
  private readonly tasks = new Set<Promise<void>>();

  add(task: Promise<void>): void {
    this.tasks.add(task);
    void task.finally(() => this.tasks.delete(task));
  }

  /** Resolves when all is done, what was begun meanwhile included. */
  async ended(): Promise<void> {
    while (this.tasks.size > 0) await Promise.all(this.tasks);
  }
}
