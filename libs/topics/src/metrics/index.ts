export { LabelBudget, OTHERS } from './label-budget.js';
export { TopicsMetrics, type TopicsMetricsOptions } from './topics-metrics.js';
export { TopicsMetricsModule } from './topics-metrics.module.js';
