#include "ovsdb/idl_pool.h"

#include <algorithm>

namespace pm {

namespace {

/* What nobody has any more goes when there is so much. */
constexpr size_t SWEEP_MIN = 1024;

} // namespace

void
IdlPool::take(const pmrec_mirror_tunnel *row)
{
    for (const struct ovsdb_idl_column *column :
         {&pmrec_mirror_tunnel_col_account,
          &pmrec_mirror_tunnel_col_accepted_by,
          &pmrec_mirror_tunnel_col_accepted_generation,
          &pmrec_mirror_tunnel_col_created, &pmrec_mirror_tunnel_col_delivery,
          &pmrec_mirror_tunnel_col_enabled,
          &pmrec_mirror_tunnel_col_generation, &pmrec_mirror_tunnel_col_mode,
          &pmrec_mirror_tunnel_col_note,
          &pmrec_mirror_tunnel_col_packet_length,
          &pmrec_mirror_tunnel_col_rate_kbps}) {
        share(row->header_, *column);
    }
}

void
IdlPool::take(const pmrec_tunnel_status *row)
{
    for (const struct ovsdb_idl_column *column :
         {&pmrec_tunnel_status_col_account,
          &pmrec_tunnel_status_col_bound,
          &pmrec_tunnel_status_col_chassis,
          &pmrec_tunnel_status_col_condition_reasons,
          &pmrec_tunnel_status_col_conditions,
          &pmrec_tunnel_status_col_counter_bases,
          &pmrec_tunnel_status_col_created,
          &pmrec_tunnel_status_col_delivery,
          &pmrec_tunnel_status_col_destination,
          &pmrec_tunnel_status_col_destination_account,
          &pmrec_tunnel_status_col_effective_packet_length,
          &pmrec_tunnel_status_col_events,
          &pmrec_tunnel_status_col_health,
          &pmrec_tunnel_status_col_iface_id,
          &pmrec_tunnel_status_col_observed_filter_generation,
          &pmrec_tunnel_status_col_observed_generation,
          &pmrec_tunnel_status_col_peering,
          &pmrec_tunnel_status_col_reasons,
          &pmrec_tunnel_status_col_source,
          &pmrec_tunnel_status_col_updated}) {
        share(row->header_, *column);
    }
    /* Values are read from the columns themselves (columns.h). */
    auto parsed = const_cast<pmrec_tunnel_status *>(row);
    for (struct smap *map :
         {&parsed->condition_reasons, &parsed->conditions, &parsed->reasons}) {
        smap_destroy(map);
        smap_init(map);
    }
}

/* Of a column that refers to no row: those are parsed into arcs. */
void
IdlPool::share(const struct ovsdb_idl_row &row_,
               const struct ovsdb_idl_column &column)
{
    auto &row = const_cast<struct ovsdb_idl_row &>(row_);
    if (!row.old_datum || row.old_datum != row.new_datum) {
        return;
    }
    auto index = &column - row.table->class_->columns;
    struct ovsdb_datum *datum = &row.old_datum[index];
    uint32_t hash =
        ovsdb_datum_hash(datum, &column.type, static_cast<uint32_t>(index));
    auto [first, last] = kept_.equal_range(hash);
    auto same = std::find_if(first, last, [&](const auto &kept) {
        return kept.second.column == &column &&
               ovsdb_datum_equals(&kept.second.datum, datum, &column.type);
    });
    if (same == last) {
        Kept kept{&column, {}};
        ovsdb_datum_clone(&kept.datum, datum);
        kept_.emplace(hash, kept);
        sweep();
    } else if (same->second.datum.keys != datum->keys) {
        column.unparse(&row);
        ovsdb_datum_destroy(datum, &column.type);
        ovsdb_datum_clone(datum, &same->second.datum);
        column.parse(&row, datum);
    }
}

void
IdlPool::sweep()
{
    if (kept_.size() < std::max(SWEEP_MIN, sweep_at_)) {
        return;
    }
    for (auto i = kept_.begin(); i != kept_.end();) {
        Kept &kept = i->second;
        if (!kept.datum.refcnt || *kept.datum.refcnt == 1) {
            ovsdb_datum_destroy(&kept.datum, &kept.column->type);
            i = kept_.erase(i);
        } else {
            ++i;
        }
    }
    sweep_at_ = 2 * kept_.size();
}

void
IdlPool::clear()
{
    for (auto &[hash, kept] : kept_) {
        ovsdb_datum_destroy(&kept.datum, &kept.column->type);
    }
    kept_.clear();
    sweep_at_ = 0;
}

} // namespace pm
