/** Background tasks that are awaited at the end. None of them may reject. */
export class TaskSet {
  private readonly tasks = new Set<Promise<void>>();

  add(task: Promise<void>): void {
    this.tasks.add(task);
    void task.finally(() => this.tasks.delete(task));
  }

  /** Resolves when all tasks have ended, including those added in the meantime. */
  async ended(): Promise<void> {
    while (this.tasks.size > 0) await Promise.all(this.tasks);
  }
}
