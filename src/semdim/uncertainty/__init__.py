"""Does n_active warn of unfamiliar input? Table 1, the out-of-distribution study, the guardrail.

Start at ``semdim.uncertainty.study.run_study``; nothing is imported here, so that importing the
package stays light.
"""
