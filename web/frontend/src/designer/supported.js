// What the engine does not run is not offered by the editor either.
const refused = /inclusive|complex|signal|escalation|compensat|conditional|error|link|cancel|ad-hoc|adhoc|transaction|event-subprocess|manual-task|data-object|data-store|non-interrupting-(start|message-start|timer-start)|timer-start|collapsed|loop$|participant/i;

class OnlySupported {
  static $inject = ['popupMenu', 'palette'];

  constructor(popupMenu, palette) {
    for (const menu of ['bpmn-replace', 'bpmn-append', 'bpmn-create']) popupMenu.registerProvider(menu, 400, this);
    palette.registerProvider(400, this);
  }

  getPopupMenuEntries() {
    return (entries) => Object.fromEntries(Object.entries(entries).filter(([key]) => !refused.test(key)));
  }

  getPopupMenuHeaderEntries() {
    return (entries) => Object.fromEntries(Object.entries(entries).filter(([key]) => !refused.test(key)));
  }

  getPaletteEntries() {
    return (entries) => Object.fromEntries(Object.entries(entries).filter(([key]) => !refused.test(key)));
  }
}

export const supportedModule = { __init__: ['onlySupported'], onlySupported: ['type', OnlySupported] };
