// The editor's own words in Chinese; the panel's words come in pairs and follow the page's language.
import zh from 'bpmn-js-i18n/translations/zn.js';

export const english = document.documentElement.lang.startsWith('en');

/** The one of two wordings that suits the reader. */
export const t = (chinese, inEnglish) => (english ? inEnglish : chinese);

const extra = {
  'User task': '办理任务',
  'Service task': '系统操作',
  'Script task': '计算',
  'Business rule task': '查决策表',
  'Send task': '发送消息任务',
  'Receive task': '等待消息任务',
  'Call activity': '调用流程',
  'Exclusive gateway': '排他网关（选一条路）',
  'Parallel gateway': '并行网关（同时走）',
  'Event-based gateway': '事件网关（先到先走）',
  'Start event': '开始',
  'End event': '结束',
  'Terminate end event': '全部终止',
  'Message start event': '消息启动',
  'Message end event': '结束并发消息',
  'Message intermediate catch event': '等待消息',
  'Message intermediate throw event': '发送消息',
  'Timer intermediate catch event': '等到某时',
  'Message boundary event': '办理中收到消息',
  'Timer boundary event': '办理中到期',
  'Sub-process (expanded)': '子流程（展开）',
  'Sub-process (collapsed)': '子流程（折叠）',
  'Parallel multi-instance': '同时会签',
  'Sequential multi-instance': '依次会签',
  'Change element': '更改类型',
  'Append {type}': '追加 {type}',
  'Create element': '新建元素',
  'Append element': '追加元素',
  'Delete': '删除',
  'Search in diagram': '在图中查找',
  'Activate hand tool': '拖动画布',
  'Activate lasso tool': '框选',
  'Activate create/remove space tool': '插入或收缩空白',
  'Activate global connect tool': '连线',
  'Create start event': '新建开始',
  'Create end event': '新建结束',
  'Create gateway': '新建网关',
  'Create task': '新建任务',
  'Create intermediate/boundary event': '新建中间事件',
  'Create group': '新建分组',
  'Create expanded sub-process': '新建子流程',
  'Connect using sequence/message flow or association': '连线',
  'Connect to other element': '连线到其他元素',
};
const dictionary = { ...zh, ...extra };

export const translateModule = {
  translate: ['value', (template, replacements = {}) => {
    const found = english ? template : dictionary[template] ?? template;
    return found.replace(/{([^}]+)}/g, (whole, key) => replacements[key] ?? whole);
  }],
};
